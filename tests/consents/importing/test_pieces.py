"""Contents of files in the database."""

from __future__ import annotations

import io
import os

import pytest

from consents.errors import ConsentError
from consents.importing import intake, pieces
from consents.models import ImportFile, ImportPiece, Sender

CONTENT = os.urandom(32).hex().encode() * 4096 * 5  # 5 pieces
LONG = CONTENT * 4 + b"the end"  # more than are read at once


def handed_in(sender: Sender, content: bytes) -> ImportFile:
    return intake.receive(sender, "list.csv", pieces.of(io.BytesIO(content)), "staff:1")


@pytest.mark.parametrize("content", [b"x", CONTENT, LONG], ids=["one", "exact", "long"])
def test_what_is_stored_is_read_again(sender: Sender, content: bytes) -> None:
    file = handed_in(sender, content)
    assert b"".join(pieces.read(file, pieces.SOURCE)) == content
    with pieces.opened(file) as path:
        assert path.read_bytes() == content
    sizes = [len(one.content) for one in ImportPiece.objects.order_by("number")]
    assert max(sizes) <= pieces.SIZE
    assert len(sizes) == -(-len(content) // pieces.SIZE)


def test_the_beginning_is_read_alone(sender: Sender) -> None:
    with pieces.begun(handed_in(sender, LONG), 2) as path:
        assert path.read_bytes() == LONG[: 2 * pieces.SIZE]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_file_that_is_gone_or_cut_is_not_taken_for_the_whole(sender: Sender, kept: int) -> None:
    file = handed_in(sender, LONG)
    file.pieces.filter(number__gte=kept).delete()
    with pytest.raises(ConsentError) as caught, pieces.opened(file):
        pass
    assert caught.value.code == "file_gone"


def test_a_file_that_was_changed_is_not_taken_for_itself(sender: Sender) -> None:
    file = handed_in(sender, CONTENT)
    file.pieces.filter(number=3).update(content=b"x" * pieces.SIZE)
    with pytest.raises(ConsentError) as caught, pieces.opened(file):
        pass
    assert caught.value.code == "file_gone"


def test_nothing_is_left_on_disk(sender: Sender) -> None:
    with pieces.opened(handed_in(sender, CONTENT)) as path:
        assert path.stat().st_nlink == 0
    assert not path.exists()


def test_parts_are_forgotten_but_for_those_kept(sender: Sender) -> None:
    file = handed_in(sender, b"x")
    for part in ("new", "invalid"):
        pieces.store(file, part, [b"1", b"2"])
    assert pieces.parts(file) == {"source", "new", "invalid"}
    assert pieces.forget(file, keep=["invalid"]) == 3
    assert pieces.parts(file) == {"invalid"}
