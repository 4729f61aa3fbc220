"""Seals kept outside: every one, once, whatever was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consents import anchors, sealing
from consents.anchors import AnchorError
from consents.models import Seal, Sender
from tests.consents.factories import OptInFactory
from tests.consents.parallel import at_once


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.LEDGER_ANCHOR_FILE = str(tmp_path / "seals")
    return tmp_path / "seals"


def make_seal() -> Seal:
    OptInFactory()
    [made] = sealing.seal()
    return made


def kept(file: Path) -> list[tuple[int, bytes]]:
    return [(anchor.number, anchor.digest) for anchor in anchors.read(file)]


def test_each_seal_is_appended_as_a_line(sender: Sender, file: Path) -> None:
    first, second = make_seal(), make_seal()
    assert kept(file) == [(1, first.digest()), (2, second.digest())]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["statement"] for line in lines] == [first.statement(), second.statement()]


def test_seals_made_before_there_was_a_file_are_appended_too(
    sender: Sender, settings: Any, file: Path
) -> None:
    settings.LEDGER_ANCHOR_FILE = ""
    made = [make_seal(), make_seal()]
    settings.LEDGER_ANCHOR_FILE = str(file)
    assert anchors.publish() == 2
    assert anchors.publish() == 0
    assert kept(file) == [(one.number, one.digest()) for one in made]


def test_without_a_file_nothing_is_kept(sender: Sender) -> None:
    make_seal()
    assert anchors.publish() == 0


def test_a_line_left_half_written_is_passed_over_and_written_whole(
    sender: Sender, file: Path
) -> None:
    made = [make_seal(), make_seal()]
    whole = file.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 40, len(whole.splitlines()[0]) + 2):
        file.write_bytes(whole[:cut])
        anchors.publish()
        assert dict(kept(file)) == {one.number: one.digest() for one in made}


def test_only_the_end_of_a_long_file_is_read(
    sender: Sender, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "_TAIL", 1000)
    for _ in range(4):
        make_seal()
    assert [number for number, _ in kept(file)] == [1, 2, 3, 4]


def test_a_file_that_cannot_be_written_leaves_the_seal_and_says_so(
    sender: Sender, settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_ANCHOR_FILE = str(tmp_path)
    OptInFactory()
    with pytest.raises(AnchorError, match="cannot be written"):
        list(sealing.seal())
    assert Seal.objects.count() == 1


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match="cannot be read"):
        list(anchors.read(tmp_path / "none"))


@pytest.mark.django_db(transaction=True)
def test_two_that_publish_at_once_write_each_seal_once(
    sender: Sender, settings: Any, file: Path
) -> None:
    settings.LEDGER_ANCHOR_FILE = ""
    for _ in range(3):
        make_seal()
    settings.LEDGER_ANCHOR_FILE = str(file)
    at_once(anchors.publish, anchors.publish)
    assert [number for number, _ in kept(file)] == [1, 2, 3]
