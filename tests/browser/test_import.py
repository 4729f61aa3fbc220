"""A file with every kind of bad row, from handing it in to what came of it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.consents.factories import british_number

NEW, KNOWN, LEFT, LATE = map(british_number, range(920, 924))
ROWS = [
    f"{NEW},2026-03-01T10:00:00Z,CRM",
    f"{NEW},2026-03-01T10:00:00Z,CRM",  # the same once more
    f"{KNOWN},2026-03-01T10:00:00Z,CRM",
    f"{LEFT},,CRM",  # no time of its own: it may lift no opt-out
    f"{LATE},2020-01-01T10:00:00Z,CRM",  # long before what is known
    "not a number,2026-03-01T10:00:00Z,CRM",
    f"{british_number(924)},yesterday,CRM",
    f"{british_number(925)},2999-01-01T00:00:00Z,CRM",
    f"{british_number(926)},2026-03-01T10:00:00Z,{'A source far too long for anybody'}",
    f"{british_number(927)}",
]


def test_a_file_with_every_kind_of_bad_row_is_looked_at_and_recorded(desk, shop, tmp_path: Path):
    shop.record("opt_in", KNOWN, sender="default", occurred_at="2026-01-01T00:00:00Z")
    shop.record("opt_out", LEFT, sender="default", occurred_at="2026-01-01T00:00:00Z")
    shop.record("opt_out", LATE, sender="default", occurred_at="2026-02-01T00:00:00Z")
    file = tmp_path / "spring-list.csv"
    file.write_text("\n".join(["phone,signed_up,origin", *ROWS, ""]))

    desk.goto(f"{shop.address}/admin/consents/importrun/")
    desk.get_by_role("link", name="Import a file").first.click()
    desk.locator("#id_file").set_input_files(file)
    desk.get_by_label("Sender").select_option(label="Default")
    desk.get_by_role("button", name="Hand in").click()

    desk.get_by_label("phone").select_option("identity")
    desk.get_by_label("signed_up").select_option("occurred_at")
    desk.get_by_label("origin").select_option("source")
    desk.get_by_label("They said").select_option("opt_in")
    desk.get_by_role("button", name="Look at every row").click()

    expect(desk.get_by_text("What would come of it")).to_be_visible()
    for category in ("new", "duplicate", "no_change", "would_resurrect", "invalid"):
        expect(desk.locator(f"section[aria-labelledby={category}]")).to_be_visible()
    invalid = desk.locator("section[aria-labelledby=invalid]")
    expect(invalid.locator("tbody tr")).to_have_count(5)

    desk.get_by_role("link", name="Record it").click()
    desk.get_by_role("button", name="Record it").click()
    expect(desk.get_by_text("Recorded to its end: 10 rows.")).to_be_visible()
    answer = shop.post(
        "/api/v1/permissions/",
        {
            "sender": "default",
            "channel": "WHATSAPP",
            "purpose": "utility",
            "identities": [NEW, KNOWN, LEFT, LATE],
        },
    )
    assert [one["allowed"] for one in answer["results"]] == [True, True, False, False]
