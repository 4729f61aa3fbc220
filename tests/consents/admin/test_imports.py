"""Staff take a file in: hand it in, say what its columns mean, look, record."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from consents.admin import import_figures
from consents.importing import intake, pieces
from consents.importing.verdicts import CATEGORIES
from consents.models import ConsentEvent, ImportFile, ImportRun, Sender, StaffAction
from consents.vocabulary import FileStatus
from tests.consents.factories import NUMBER, OTHER_NUMBER, OptInFactory, OptOutFactory, state_of
from tests.consents.importing.handed_in import LIST, ROWS, looked_at, receive, recorded, work
from tests.consents.importing.lists import csv_text

pytestmark = pytest.mark.django_db
ADD = "admin:consents_importrun_add"
LISTED = "admin:consents_importrun_changelist"
DEFAULTS = {"action": "opt_in", "channel": "WHATSAPP", "purpose": "all", "source": "CRM"}


def page(name: str, file: ImportFile, *args: str) -> str:
    return reverse(f"admin:consents_importrun_{name}", args=[file.pk, *args])


def hand_in(client, sender, content=LIST, name="list.csv"):
    upload = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    upload.name = name
    return client.post(reverse(ADD), {"sender": str(sender.pk), "file": upload})


def say(client, file, *meanings, layout="comma", **fields):
    """What each column means, in their order."""
    columns = {f"column_{at}": meaning for at, meaning in enumerate(meanings)}
    return client.post(page("file", file), {"layout": layout, **DEFAULTS, **columns, **fields})


def the_file() -> ImportFile:
    return ImportFile.objects.select_related("run").get()


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


# --- the whole way


def test_a_file_goes_its_whole_way(desk, sender):
    answer = hand_in(desk, sender, csv_text("Phone;Quelle", [f"{NUMBER};CRM", "x;CRM"]))
    file = the_file()
    assert answer["Location"] == page("file", file)
    form = desk.get(page("file", file)).context["form"]
    assert [column["field"].label for column in form.columns] == ["Phone", "Quelle"]
    assert [column["values"] for column in form.columns] == [[NUMBER, "x"], ["CRM", "CRM"]]
    assert form["column_0"].initial == "identity"

    answer = say(desk, file, "identity", "source", layout="semicolon")
    assert answer["Location"] == page("file", file)
    answer = desk.get(page("file", file))
    assert (answer["Refresh"], answer.context["percent"]) == ("2", 0)

    work()
    answer = desk.get(page("file", file))
    assert "Refresh" not in answer
    assert {one["name"]: one["count"] for one in answer.context["categories"]} == {
        "new": 1,
        "invalid": 1,
    }
    assert "would write 1 of them into the ledger, 1 of which change what somebody allows" in text(
        answer
    )

    assert "Written into the ledger, for good: 1 of 2 rows." in text(desk.get(page("record", file)))
    assert state_of(NUMBER) is None
    desk.post(page("record", file))
    assert desk.get(page("file", file))["Refresh"] == "2"
    work()
    answer = desk.get(page("file", file))
    assert "Refresh" not in answer
    assert "Recorded to its end: 2 rows" in text(answer)
    assert state_of(NUMBER) == "opted_in"

    run = ImportRun.objects.get()
    answer = desk.get(reverse("admin:consents_importrun_change", args=[run.pk]))
    for shown in ("list.csv", "officer", "“Phone” is: Number or address"):
        assert shown in text(answer)
    assert bytes(run.sha256).hex() in text(answer).replace("<wbr>", "")
    assert page("sheet", file, "invalid") in text(answer)


def test_a_list_shows_who_took_in_what_and_which_files_are_open(desk, sender, officer):
    hand_in(desk, sender)
    intake.look(the_file(), import_figures.Manner())
    work()
    desk.post(page("record", the_file()))
    work()
    receive(sender, name="open.csv")
    answer = desk.get(reverse(LISTED))
    assert [file.name for file in answer.context["open_files"]] == ["open.csv"]
    [run] = answer.context["cl"].result_list
    assert run.who == "officer"


def test_columns_can_be_named_anew_after_looking(desk, sender):
    file = looked_at(sender)
    form = desk.get(page("file", file), {"columns": 1}).context["form"]
    assert form["column_1"].initial == "source"
    say(desk, file, "identity", "", "action", source="PAPER")
    work()
    assert the_file().manner["columns"] == {"source": ""}
    form = desk.get(page("file", file), {"columns": 1}).context["form"]
    assert (form["column_1"].initial, form.initial["source"]) == ("", "PAPER")


def test_a_file_may_be_read_otherwise_than_guessed(desk, sender):
    file = receive(sender, "identity;note,or so;\n1;2;\n")
    form = desk.get(page("file", file), {"layout": "comma"}).context["form"]
    assert [column["field"].label for column in form.columns] == ["identity;note", "or so;"]
    form = desk.get(page("file", file), {"layout": "nonsense"}).context["form"]
    assert form.layout == "semicolon"


def test_lines_of_json_are_taken_in(desk, sender):
    line = json.dumps({"phone": NUMBER, "evidence": {"form": 7}})
    file = receive(sender, line, "list.jsonl")
    assert desk.get(page("file", file)).context["form"].layout == "json"
    say(desk, file, "identity", "evidence", layout="json")
    work()
    desk.post(page("record", file))
    work()
    evidence = ConsentEvent.objects.get().detail.evidence
    assert evidence["form"] == 7
    assert evidence["import"]["row"] == 1


def test_other_columns_may_be_evidence_under_their_names(desk, sender):
    file = receive(sender, csv_text("phone,Campaign", [f"{NUMBER},Spring"]))
    say(desk, file, "identity", "evidence")
    work()
    desk.post(page("record", file))
    work()
    assert ConsentEvent.objects.get().detail.evidence["Campaign"] == "Spring"


# --- what would come of the rows


def test_a_row_of_every_kind_stands_in_its_category(desk, sender):
    OptInFactory(occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    OptOutFactory(identity=OTHER_NUMBER)
    late = "2026-01-01T12:00Z"
    rows = [
        f"46701740605,opt_in,CRM,{late}",  # new
        f"{NUMBER},opt_out,CRM,2026-04-01T12:00Z",  # changed
        f"{NUMBER},opt_out,CRM,2026-04-01T12:00Z",  # duplicate
        f"{NUMBER},opt_out,CRM,2026-04-02T12:00Z",  # no change
        f"{NUMBER},opt_in,CRM,{late}",  # out of order
        f"{OTHER_NUMBER},opt_in,CRM,",  # would resurrect
        "no number,opt_in,CRM,",
        f"{NUMBER},perhaps,CRM,",
        f"{NUMBER},opt_in,CRM,yesterday",
        f"{NUMBER},opt_in,CRM,2026-04-01T12:00",  # no zone
        f"{NUMBER},opt_in,{'x' * 26},",
        "too,few",
        f'{NUMBER},opt_in,"CRM"x,',
    ]
    file = receive(sender, csv_text("identity,action,source,occurred_at", rows))
    say(desk, file, "identity", "action", "source", "occurred_at", source="")
    work()
    answer = desk.get(page("file", file))
    found = {
        one["name"]: [line[0] for line in one["rows"]["lines"]]
        for one in answer.context["categories"]
    }
    assert found == {
        "new": ["1"],
        "changed": ["2"],
        "duplicate": ["3"],
        "no_change": ["4"],
        "out_of_order": ["5"],
        "would_resurrect": ["6"],
        "invalid": [str(at) for at in range(7, 14)],
    }
    assert found.keys() | {"unconfirmed"} == CATEGORIES.keys()
    whys = [
        line[1][0]
        for one in answer.context["categories"]
        for line in one["rows"]["lines"]
        if one["name"] == "invalid"
    ]
    assert [why.partition(":")[0] for why in whys] == [
        *("invalid_identity", "unknown_action", "invalid_occurred_at", "invalid_occurred_at"),
        *("source_too_long", "wrong_number_of_cells", "malformed_row"),
    ]


def test_only_the_first_rows_of_a_category_are_shown_and_all_can_be_had(desk, sender, monkeypatch):
    monkeypatch.setattr(import_figures, "ROWS_SHOWN", 3)
    file = looked_at(sender)
    answer = desk.get(page("file", file))
    [new] = [one for one in answer.context["categories"] if one["name"] == "new"]
    assert [line[0] for line in new["rows"]["lines"]] == ["1", "2", "3"]
    assert "The first 3 of them" in text(answer)
    answer = desk.get(new["url"])
    assert answer["Content-Disposition"] == 'attachment; filename="list-new.csv"'
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert content.count("\n") == ROWS
    assert StaffAction.objects.latest("pk").text == "Downloaded the rows: new."


def test_what_spreadsheets_would_run_is_harmless_in_what_is_downloaded(desk, sender):
    file = looked_at(sender, csv_text("identity,source", ["=1+1,CRM"]))
    content = b"".join(desk.get(page("sheet", file, "invalid")).streaming_content).decode()
    assert ",'=1+1,CRM" in content


@pytest.mark.parametrize("category", ["source", "new", "nonsense"])
def test_there_is_no_download_of_the_file_itself_or_of_what_is_not_there(desk, sender, category):
    assert desk.get(page("sheet", receive(sender), category)).status_code == 404


def test_what_a_cell_holds_is_no_markup(desk, sender):
    file = looked_at(sender, csv_text("identity,<b>x</b>", ["<script>alert(1)</script>,"]))
    shown = text(desk.get(page("file", file))) + text(desk.get(page("file", file), {"columns": 1}))
    assert "<script>alert" not in shown
    assert "<b>x" not in shown


# --- bad files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The submitted file is empty."),
        (b"PK\x03\x04\x00\x00", "The file is no text."),
        ("identity\n1\n".encode("utf-16"), "The file is in UTF-16"),
    ],
)
def test_what_is_no_list_is_refused_at_once(desk, sender, content, said):
    answer = hand_in(desk, sender, content)
    assert said in text(answer)
    assert not ImportFile.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n\n", "no line with the names"),
        (b'identity,"source\n1,2\n3,4\n', "no line with the names"),
        (b"identity,source,source\n", "Two columns of the file have the same name"),
        ("identity,r\xe9sum\xe9\n".encode("latin-1"), "not in UTF-8"),
        (",".join(map(str, range(10_000))).encode(), "The file has 10000 columns"),
    ],
)
def test_what_cannot_be_read_says_why_and_can_be_cancelled(desk, sender, content, said):
    hand_in(desk, sender, content)
    file = the_file()
    answer = desk.get(page("file", file))
    assert said in text(answer)
    assert page("cancel", file) in text(answer)
    assert said in text(say(desk, file))
    assert the_file().status == FileStatus.RECEIVED


@pytest.mark.parametrize(
    ("content", "meanings", "said"),
    [
        ("a,b\n1,2\n", ("note", ""), "No column of the file is the identity."),
        ("a,b\n1,2\n", ("identity", "identity"), "Two columns of the file are the same field."),
        ("a,b\n1,2\n", ("identity", "nonsense"), "Select a valid choice"),
        ('{"a": 1, "b": 2}', ("note", ""), "No column of the file is the identity."),
    ],
)
def test_columns_that_make_no_sense_are_told(desk, sender, content, meanings, said):
    file = receive(sender, content)
    layout = "json" if content.startswith("{") else "comma"
    assert said in text(say(desk, file, *meanings, layout=layout))
    assert the_file().status == FileStatus.RECEIVED


def test_a_file_with_the_utf8_mark_is_read_like_any(desk, sender):
    file = receive(sender, b"\xef\xbb\xbfidentity,source\r\n46732001122,CRM\r\n")
    assert desk.get(page("file", file)).context["form"]["column_0"].initial == "identity"


def test_rows_in_latin_1_are_refused_each_and_the_others_not(desk, sender):
    rows = f"identity,note\n{NUMBER},plain\n{OTHER_NUMBER},".encode() + b"r\xe9sum\xe9\n"
    file = receive(sender, rows)
    say(desk, file, "identity", "note")
    work()
    assert the_file().counts == {"new": 1, "invalid": 1}
    assert "not_utf8: The row is not in UTF-8." in text(desk.get(page("file", file)))


def test_a_header_alone_is_a_file_without_rows(desk, sender):
    file = looked_at(sender, "identity\n")
    answer = desk.get(page("file", file))
    assert "The file has no rows." in text(answer)
    assert page("record", file) not in text(answer)


def test_a_file_that_is_too_large_is_not_read(desk, sender, settings, monkeypatch):
    settings.IMPORT_FILE_MAX = 10
    monkeypatch.setattr("consents.admin.uploads._FORM", 0)
    answer = hand_in(desk, sender)
    assert answer.status_code == 413
    assert "The file has more than 10 bytes." in text(answer)
    assert not ImportFile.objects.exists()


def test_a_file_that_the_disk_does_not_take_is_told(desk, sender, monkeypatch):
    class Full(io.BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    assert "There is no room for this file now." in text(hand_in(desk, sender))
    assert not ImportFile.objects.exists()


def test_without_a_file_or_for_a_sender_there_is_not_nothing_is_taken(desk, sender):
    assert "This field is required" in text(desk.post(reverse(ADD), {"sender": str(sender.pk)}))
    assert "Select a valid choice" in text(hand_in(desk, Sender()))
    assert not ImportFile.objects.exists()


# --- in between


def test_a_file_recorded_before_is_recorded_again_only_when_somebody_says_so(desk, sender):
    recorded(sender)
    file = looked_at(sender)
    answer = desk.get(page("record", file))
    assert "This very file was imported on" in text(answer)
    assert "This field is required" in text(desk.post(page("record", file)))
    desk.post(page("record", file), {"again": "on"})
    file.refresh_from_db()
    assert file.status == FileStatus.RECORDING


def test_what_is_done_twice_is_done_once(desk, sender):
    file = looked_at(sender)
    desk.post(page("record", file))
    again = desk.post(page("record", file))
    assert "has gone on with this file" in text(again)
    assert say(desk, file, "identity").status_code == 200
    work()
    assert ConsentEvent.objects.count() == ROWS - 1


def test_a_cancelled_file_says_so(desk, sender):
    file = looked_at(sender)
    desk.post(page("cancel", file))
    assert "cancelled before anything was recorded" in text(desk.get(page("file", file)))
    assert "has gone on with this file" in text(desk.post(page("cancel", file)))


def test_a_file_whose_contents_are_gone_can_be_looked_at_no_more(desk, sender):
    file = receive(sender)
    pieces.forget(file)
    assert "no line with the names" in text(desk.get(page("file", file)))


# --- who may


STEPS = ("file", "record", "cancel")


@pytest.mark.parametrize("step", STEPS)
def test_a_file_there_is_not_is_not_found(desk, sender, step):
    missing = ImportFile(id="019a0000-0000-7000-8000-000000000000")
    assert desk.get(page(step, missing)).status_code == 404
    assert desk.post(page(step, missing)).status_code == 404


def test_who_may_only_look_sees_figures_and_no_rows(desk_with, sender):
    file = looked_at(sender)
    viewer = desk_with("view_importrun")
    shown = text(viewer.get(page("file", file)))
    assert "11 new" in re.sub("<[^>]*>", "", shown)
    assert NUMBER not in shown
    assert "no number" not in shown
    assert page("record", file) not in shown
    refused = [viewer.get(page("record", file)), viewer.post(page("record", file))]
    refused += [viewer.post(page("cancel", file)), viewer.get(page("sheet", file, "new"))]
    refused += [viewer.get(reverse(ADD)), hand_in(viewer, sender)]
    assert [one.status_code for one in refused] == [403] * 6
    assert say(viewer, file, "identity").status_code == 200
    file.refresh_from_db()
    assert file.status == FileStatus.CHECKED
    assert ImportFile.objects.count() == 1


def test_who_may_only_look_sees_no_columns(desk_with, sender):
    shown = text(desk_with("view_importrun").get(page("file", receive(sender))))
    assert "Nobody has said yet what its columns mean" in shown
    assert "447700900" not in shown


def test_who_may_take_files_in_may_do_every_step(desk_with, sender):
    clerk = desk_with("add_importrun")
    hand_in(clerk, sender)
    file = the_file()
    say(clerk, file, "identity", "source", "action")
    work()
    clerk.post(page("record", file))
    work()
    assert the_file().status == FileStatus.RECORDED


@pytest.mark.parametrize("step", STEPS)
def test_who_has_no_permission_or_no_login_gets_nowhere(desk_with, client, sender, step):
    file = looked_at(sender)
    nobody = desk_with()
    assert nobody.get(page(step, file)).status_code == 403
    assert nobody.post(page(step, file)).status_code == 403
    assert client.get(page(step, file)).status_code == 302


def test_a_form_of_somebody_elses_making_hands_nothing_in(officer, sender):
    client = Client(enforce_csrf_checks=True)
    client.force_login(officer)
    assert hand_in(client, sender).status_code == 403
    assert not ImportFile.objects.exists()
