"""Whatever somebody does to the ledger behind its back is found, and named."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consents import leaves, merkle, seal_keys, sealing, verification
from consents.findings import Finding, Kind
from consents.models import ConsentEvent, Purpose, Seal, Sender
from tests.consents.factories import (
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    StopFactory,
    british_number,
)
from tests.consents.tampering import LEDGER, SEALS, execute, rewrite, seal, tampered
from tests.consents.tampering import with_all_power as with_all_power
from tests.consents.test_signatures import new_key


@pytest.fixture
def lines(with_all_power: None, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of twelve lines, five in a seal; the last two are in the third."""
    monkeypatch.setattr(sealing, "LINES_MAX", 5)
    for at in range(10):
        OptInFactory(identity=british_number(at), evidence={"wording": "Yes"})
    execute("SELECT nextval('consents_consentevent_seq')")
    MessageFactory(identity=british_number(1))
    StopFactory(identity=british_number(0))
    assert [made.count for made in seal()] == [5, 5, 2]
    return list(ConsentEvent.objects.order_by("seq").values_list("seq", flat=True))


def findings() -> list[Finding]:
    return list(verification.verify(verification.tally().upto))


def told() -> list[tuple[Kind, int | None]]:
    return [(one.kind, one.seq) for one in findings()]


def test_a_ledger_that_nobody_touched_verifies(lines: list[int]) -> None:
    OptInFactory()
    assert findings() == []
    assert verification.tally() == verification.Tally(seals=3, lines=12, upto=lines[-1])


def test_a_ledger_without_a_seal_verifies(sender: Sender) -> None:
    OptInFactory()
    assert findings() == []
    assert verification.tally() == verification.Tally(0, 0, 0)


def test_progress_is_told(lines: list[int]) -> None:
    seen: list[int] = []
    list(verification.verify(lines[-1], seen.append))
    assert seen[-1] == 12


# --- lines


def other_than(value: Any, column: models.Field[Any, Any]) -> st.SearchStrategy[Any]:
    """Any other value that the column can hold, nothing at all where it was something."""
    strategy = _values(value, column).filter(lambda other: other != value)
    return strategy if value is None else st.none() | strategy


def _values(value: Any, column: models.Field[Any, Any]) -> st.SearchStrategy[Any]:
    if isinstance(column, models.DateTimeField):
        shift = st.integers(-(10**12), 10**12).filter(bool)
        return shift.map(lambda by: value + timedelta(microseconds=by))
    if isinstance(column, models.CharField):
        storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        return st.text(storable, max_size=column.max_length)
    if isinstance(column, models.BinaryField):
        return st.binary(max_size=40)
    if isinstance(column, models.BooleanField):
        return st.booleans()
    if isinstance(column, models.BigIntegerField):
        return st.integers(-(2**63), 2**63 - 1)
    return st.uuids()


COLUMNS = {column.column: column for column in ConsentEvent._meta.concrete_fields}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_of_any_column_of_any_sealed_line_is_found(
    lines: list[int], data: st.DataObject
) -> None:
    column = data.draw(st.sampled_from(sorted(COLUMNS)))
    seq = data.draw(st.sampled_from(lines))
    event = ConsentEvent.objects.get(seq=seq)
    now = getattr(event, column)
    now = bytes(now) if isinstance(now, memoryview) else now
    other = data.draw(other_than(now, COLUMNS[column]))
    with tampered():
        rewrite(LEDGER, seq, **{column: other})
        assert findings() != []
    assert findings() == []


def test_a_changed_line_is_named_whichever_column_it_was(lines: list[int]) -> None:
    """But its number: a line with another one is missing, or stands in another's place."""
    event = ConsentEvent.objects.get(seq=lines[6])
    change: dict[type, Any] = {
        models.DateTimeField: "2001-01-01T00:00:00Z",
        models.BinaryField: b"else",
        models.BooleanField: not event.effective,
        models.UUIDField: uuid4(),
        models.ForeignKey: uuid4(),
        models.CharField: "else",
    }
    for column in COLUMNS.keys() - {"seq"}:
        with tampered():
            rewrite(LEDGER, lines[6], **{column: change[type(COLUMNS[column])]})
            assert told() == [(Kind.CHANGED, lines[6])], column


def test_the_first_bad_line_comes_first_and_all_are_named(lines: list[int]) -> None:
    with tampered():
        for seq in (lines[11], lines[2], lines[1]):
            rewrite(LEDGER, seq, source="X")
        assert told() == [(Kind.CHANGED, seq) for seq in (lines[1], lines[2], lines[11])]
        assert str(lines[1]) in findings()[0].message


def test_a_line_that_was_deleted_is_missed_behind_the_one_before(lines: list[int]) -> None:
    for at in (0, 2, 4, 5, 11):
        with tampered():
            execute(f"DELETE FROM {LEDGER} WHERE seq = %s", lines[at])
            assert told() == [(Kind.MISSING, lines[at - 1] if at else 0)]


def test_everything_deleted_is_missed(lines: list[int]) -> None:
    with tampered():
        execute(f"DELETE FROM {LEDGER}")
        assert [kind for kind, _ in told()] == [Kind.MISSING] * 3


def copy_line(seq: int, to: int) -> None:
    names = ", ".join(name for name in COLUMNS if name not in ("id", "seq"))
    execute(
        f"INSERT INTO {LEDGER} (id, seq, {names}) SELECT %s, %s, {names} "
        f"FROM {LEDGER} WHERE seq = %s",
        *(uuid4(), to, seq),
    )


def test_a_line_inserted_before_the_first_is_found(lines: list[int]) -> None:
    for to in (-1, 0, -(2**63)):
        with tampered():
            copy_line(lines[3], to)
            assert told() == [(Kind.INSERTED, to)]


def test_a_line_inserted_where_a_number_was_left_out_is_found(lines: list[int]) -> None:
    gap = lines[9] + 1
    assert gap not in lines
    with tampered():
        copy_line(lines[3], gap)
        assert told() == [(Kind.INSERTED, gap)]


def test_a_line_that_stands_there_twice_is_found(lines: list[int]) -> None:
    with tampered():
        names = ", ".join(COLUMNS)
        execute(
            f"INSERT INTO {LEDGER} ({names}) SELECT {names} FROM {LEDGER} WHERE seq = %s", lines[3]
        )
        assert (Kind.INSERTED, lines[3]) in told()


def test_lines_that_changed_places_are_found(lines: list[int]) -> None:
    first, second = lines[1], lines[3]
    with tampered():
        rewrite(LEDGER, first, seq=0)
        rewrite(LEDGER, second, seq=first)
        rewrite(LEDGER, 0, seq=second)
        assert told() == [(Kind.REORDERED, first), (Kind.REORDERED, second)]
        assert f"sealed as line {second}" in findings()[0].message


def test_a_line_moved_out_of_what_is_sealed_is_missed(lines: list[int]) -> None:
    with tampered():
        rewrite(LEDGER, lines[2], seq=lines[-1] + 10)
        assert told() == [(Kind.MISSING, lines[1])]


GUESSED: dict[str, tuple[Any, str]] = {
    "action": ("opt_out", "'opt_in'"),
    "purpose_id": (uuid4(), "'all'"),
    "sender_id": (uuid4(), "'default'"),
    "origin": ("admin", "'api'"),
    "lifts": ("nothing", "'any'"),
    "effective": (False, "'True'"),
    "outcome": ("", "'changed'"),
    "cause_id": (uuid4(), "'nothing'"),
    "occurred_at": ("2001-01-01T00:00:00Z", "'recorded_at'"),
}


def test_what_a_column_of_few_words_was_is_told(lines: list[int]) -> None:
    for column, (other, was) in GUESSED.items():
        with tampered():
            rewrite(LEDGER, lines[6], **{column: other})
            [finding] = findings()
            told_so = f"Line {lines[6]} was changed: its {column} was {was} when sealed."
            assert finding.message == told_so


# --- seals

SEAL_COLUMNS: dict[str, Any] = {
    "format": 2,
    "after": 1,
    "upto": 10**6,
    "count": 4,
    "root": bytes(32),
    "previous": bytes(range(32)),
    "sealed_at": "2026-01-01T00:00:00Z",
    "key_id": "0" * 16,
    "signature": bytes(64),
    "leaves": bytes(160),
    "purposes": bytes(32),
    "meanings": "[]",
    "number": 9,
}


def test_no_column_of_a_seal_is_left_out_here() -> None:
    assert {column.column for column in Seal._meta.concrete_fields} == SEAL_COLUMNS.keys()


def test_any_change_of_a_seal_is_found(lines: list[int]) -> None:
    for number, (column, value) in product((1, 2, 3), SEAL_COLUMNS.items()):
        with tampered():
            rewrite(SEALS, number, **{column: value})
            assert findings() != [], (number, column)


def test_nonsense_in_a_seal_is_a_finding_and_no_fault(lines: list[int]) -> None:
    for column, value in product(("count", "after", "upto"), (0, -1, 2**31 - 1)):
        with tampered():
            rewrite(SEALS, 2, **{column: value})
            assert Kind.SEAL_FORGED in {one.kind for one in findings()}, (column, value)


@pytest.mark.parametrize(
    "change", ["key = 'sales'", "parent_id = (SELECT id FROM consents_purpose WHERE key = 'all')"]
)
def test_a_purpose_that_was_given_another_meaning_is_found(lines: list[int], change: str) -> None:
    PurposeFactory(key="newsletter")
    OptInFactory(purpose="newsletter")
    seal()
    with tampered():
        execute(f"UPDATE consents_purpose SET {change} WHERE key = 'newsletter'")
        [finding] = findings()
        assert finding.kind == Kind.MEANING
        assert "was newsletter when it was sealed" in finding.message


def test_a_purpose_that_came_later_or_was_called_otherwise_is_no_finding(
    lines: list[int],
) -> None:
    PurposeFactory(key="newsletter")
    Purpose.objects.filter(key="marketing").update(name="Offers", allowed_in_window=True)
    assert findings() == []


def test_a_missing_seal_is_named_with_its_lines(lines: list[int]) -> None:
    with tampered():
        execute(f"DELETE FROM {SEALS} WHERE number = 2")
        [finding] = findings()
        assert (finding.kind, finding.seal) == (Kind.SEAL_MISSING, 2)
        assert f"from {lines[5]} to {lines[9]}" in finding.message


def test_hashes_that_were_changed_with_their_line_hide_nothing(lines: list[int]) -> None:
    with tampered():
        rewrite(LEDGER, lines[7], source="X")
        hashes = b"".join(leaves.hashes(lines[4], lines[9]))
        rewrite(SEALS, 2, leaves=hashes)
        [finding] = findings()
        assert (finding.kind, finding.seal) == (Kind.SEAL_BROKEN, 2)


def resealed(number: int) -> None:
    """A seal made anew over what is there now, signed with the key of the settings."""
    key = seal_keys.signing()
    made = Seal.objects.get(number=number)
    hashes = leaves.hashes(made.after, made.upto)
    made.leaves, made.count = b"".join(hashes), len(hashes)
    made.root, made.key_id = merkle.root(hashes), key.id
    columns = ("leaves", "count", "root", "key_id")
    rewrite(
        SEALS,
        number,
        signature=key.sign(made.signed_bytes()),
        **{name: getattr(made, name) for name in columns},
    )


def test_a_seal_made_anew_with_another_key_is_forged(lines: list[int], settings: Any) -> None:
    ours = settings.LEDGER_SEAL_KEYS
    with tampered():
        rewrite(LEDGER, lines[-1], source="X")
        settings.LEDGER_SEAL_KEYS = [new_key()]
        resealed(3)
        settings.LEDGER_SEAL_KEYS = ours
        [finding] = findings()
        assert (finding.kind, finding.seal) == (Kind.SEAL_FORGED, 3)


def test_a_seal_made_anew_with_the_right_key_does_not_fit_the_next(lines: list[int]) -> None:
    with tampered():
        rewrite(LEDGER, lines[6], source="X")
        resealed(2)
        [finding] = findings()
        assert (finding.kind, finding.seal) == (Kind.SEAL_BROKEN, 3)


def test_seals_of_former_keys_count_while_these_are_trusted(
    lines: list[int], settings: Any
) -> None:
    former = seal_keys.signing()
    settings.LEDGER_SEAL_KEYS = [new_key()]
    OptInFactory()
    seal()
    assert {one.kind for one in findings()} == {Kind.SEAL_FORGED}
    settings.LEDGER_TRUSTED_KEYS = [former.public.hex()]
    assert findings() == []


# --- what a seal alone does not show


@pytest.fixture
def kept_outside(settings: Any, tmp_path: Path) -> Path:
    settings.LEDGER_ANCHOR_FILE = str(tmp_path / "seals")
    return tmp_path / "seals"


def test_seals_cut_off_with_their_lines_are_seen_from_outside(
    kept_outside: Path, lines: list[int]
) -> None:
    with tampered():
        execute(f"DELETE FROM {SEALS} WHERE number = 3")
        execute(f"DELETE FROM {LEDGER} WHERE seq > %s", lines[9])
        assert findings() == []
        [finding] = verification.compare(kept_outside)
        assert (finding.kind, finding.seal) == (Kind.SEAL_MISSING, 3)


def test_a_seal_made_anew_with_the_right_key_is_seen_from_outside(
    kept_outside: Path, lines: list[int]
) -> None:
    with tampered():
        rewrite(LEDGER, lines[-1], source="X")
        resealed(3)
        assert findings() == []
        [finding] = verification.compare(kept_outside)
        assert (finding.kind, finding.seal) == (Kind.ANCHOR, 3)


def test_what_was_kept_outside_fits_what_nobody_touched(
    kept_outside: Path, lines: list[int]
) -> None:
    assert list(verification.compare(kept_outside)) == []
