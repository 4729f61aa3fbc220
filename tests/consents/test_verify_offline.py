"""`docs/verify.py`: accepts what is genuine, refuses whatever was touched, needs no Optbook."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from config.home import BASE
from consents import erasure, ledger, meanings, proofs, seal_keys, sealing
from consents.commitments import canonical
from consents.models import ConsentEvent, Sender
from tests.consents.factories import (
    NoticeFactory,
    OptInFactory,
    PurposeFactory,
    StopFactory,
    british_number,
)
from tests.consents.test_signatures import new_key

SCRIPT = BASE / "docs" / "verify.py"
MUTATIONS = 100

Verify = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Runs the script where there is nothing but Python and `cryptography`."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("cryptography", "cffi", "_cffi_backend"):
        if spec := find_spec(name):
            found = Path(
                spec.submodule_search_locations[0]
                if spec.submodule_search_locations
                else str(spec.origin)
            )
            (packages / found.name).symlink_to(found)
    start = (
        "import runpy, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", start, packages, SCRIPT, *words]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=tmp_path, check=False
        )

    return run


@pytest.fixture
def sealed(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> list[ConsentEvent]:
    """Eleven lines, five in a seal."""
    monkeypatch.setattr(sealing, "LINES_MAX", 5)
    for at in range(8):
        OptInFactory(identity=british_number(at), evidence={"n": 1.5, "wording": "Ja, så här"})
    StopFactory(identity=british_number(0))
    ledger.void(OptInFactory(), note="A mistake.", actor="")
    sealed = sealing.seal()
    next(sealed)
    PurposeFactory(key="newsletter")
    list(sealed)
    return list(ConsentEvent.objects.select_related("detail", "identity").order_by("seq"))


@pytest.fixture
def exported(sealed: list[ConsentEvent], tmp_path: Path) -> Path:
    path = tmp_path / "ledger.ndjson"
    call_command("export_ledger", "--output", str(path))
    return path


def written(path: Path, document: Any) -> Path:
    path.write_text(canonical(document))
    return path


def mutated(text: bytes, at_random: random.Random) -> bytes:
    """One byte changed, or one line left out, doubled or swapped with the next."""
    lines = text.splitlines(keepends=True)
    kind = at_random.choice(["byte", "byte", "byte", "out", "twice", "swapped"])
    if kind == "byte" or len(lines) < 3:
        at = at_random.randrange(len(text.rstrip(b"\n")))
        other = at_random.choice([b for b in range(32, 127) if b != text[at]])
        return text[:at] + bytes([other]) + text[at + 1 :]
    # Not the last: a ledger that ends there is one as it was before.
    at = at_random.randrange(len(lines) - 2)
    if kind == "swapped":
        lines[at : at + 2] = reversed(lines[at : at + 2])
    else:
        lines[at : at + 1] = [] if kind == "out" else [lines[at]] * 2
    return b"".join(lines)


def mutations(genuine: Path) -> list[Path]:
    at_random, text = random.Random(20260131), genuine.read_bytes()
    paths = []
    for number in range(MUTATIONS):
        other = mutated(text, at_random)
        assert other != text
        paths.append(genuine.with_name(f"{number}.json"))
        paths[-1].write_bytes(other)
    return paths


def test_a_genuine_ledger_is_accepted(verify: Verify, exported: Path) -> None:
    done = verify(exported)
    assert (done.returncode, done.stderr) == (0, "")
    assert "GENUINE: 11 lines in 3 seals" in done.stdout
    assert seal_keys.signing().public.hex() in done.stdout


def test_a_ledger_that_was_touched_is_refused(verify: Verify, exported: Path) -> None:
    done = verify("--key", seal_keys.signing().public.hex(), *mutations(exported))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count(": NOT GENUINE: ") == MUTATIONS, done.stdout


def test_a_proof_of_any_line_is_accepted(
    verify: Verify, sealed: list[ConsentEvent], tmp_path: Path
) -> None:
    paths = [written(tmp_path / f"{event.seq}.json", proofs.prove(event)) for event in sealed]
    done = verify("--key", seal_keys.signing().public.hex(), *paths)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": GENUINE: line") == len(sealed) == 11
    assert "opt_in to all of" in done.stdout


def test_a_proof_that_was_touched_is_refused(
    verify: Verify, sealed: list[ConsentEvent], tmp_path: Path
) -> None:
    genuine = written(tmp_path / "proof.json", proofs.prove(sealed[3]))
    done = verify(*mutations(genuine))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count(": NOT GENUINE: ") == MUTATIONS, done.stdout


def test_a_foreign_key_is_refused(verify: Verify, exported: Path, settings: Any) -> None:
    settings.LEDGER_SEAL_KEYS = [new_key()]
    done = verify("--key", seal_keys.signing().public.hex(), exported)
    assert done.returncode == 1
    assert "signed by a foreign key" in done.stdout


def test_a_ledger_that_was_cut_off_is_seen_by_the_seals_kept_outside(
    verify: Verify, exported: Path, tmp_path: Path
) -> None:
    lines = exported.read_bytes().splitlines(keepends=True)
    seals = [line for line in lines if b'"statement"' in line]
    kept = tmp_path / "kept"
    kept.write_bytes(b'{"half a li\n' + b"".join(seals))
    assert verify("--anchors", kept, exported).returncode == 0
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(lines[: lines.index(seals[-1])]))
    assert verify(cut).returncode == 0
    done = verify("--anchors", kept, cut)
    assert done.returncode == 1
    assert "seal 3 was kept outside and is missing here" in done.stdout


NONSENSE = [
    *("", "[]", "{}", "nothing", "1"),
    *('{"proof": null}', '{"type": "optbook.proof"}', "[" * 9999),
]


def test_what_is_no_document_is_refused_without_a_trace(verify: Verify, tmp_path: Path) -> None:
    paths = [tmp_path / f"nonsense-{number}" for number in range(len(NONSENSE))]
    for path, text in zip(paths, NONSENSE, strict=True):
        path.write_text(text)
    done = verify(*paths, tmp_path / "none")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("NOT GENUINE") == len(NONSENSE) + 1


def test_a_document_that_somebody_signed_and_made_wrongly_is_refused_without_a_trace(
    verify: Verify, sealed: list[ConsentEvent], tmp_path: Path
) -> None:
    for number, nonsense in enumerate(([{"id": []}], [{"id": {}, "key": 1}], "text", 7, [None])):
        proof = proofs.prove(sealed[3])
        statement = proof["seal"]["statement"]
        statement["purposes"] = meanings.digest(nonsense).hex()
        proof["seal"]["signature"] = seal_keys.signing().sign(canonical(statement).encode()).hex()
        done = verify(written(tmp_path / str(number), {**proof, "purposes": nonsense}))
        assert (done.returncode, done.stderr) == (1, "")


def test_the_export_holds_no_address_and_no_evidence(exported: Path) -> None:
    text = exported.read_text()
    assert british_number(3) not in text
    assert "wording" not in text
    assert len([json.loads(line) for line in text.splitlines()]) == 1 + 2 + 3 + 11


# --- the wording that was shown

TEXT = "Ja, skicka erbjudanden.\n\x1b[1m: GENUINE: line 2"


@pytest.fixture
def shown(sender: Sender) -> ConsentEvent:
    """An opt-in that names a notice, sealed."""
    NoticeFactory(language="sv", text=TEXT)
    event = OptInFactory(evidence={"notice": "banner"})
    list(sealing.seal())
    return ConsentEvent.objects.select_related("detail", "identity").get(pk=event.pk)


def test_a_proof_shows_the_exact_text_of_the_notice(
    verify: Verify, shown: ConsentEvent, tmp_path: Path
) -> None:
    proof = proofs.prove(shown)
    assert proof["notice"]["text"] == TEXT
    done = verify(written(tmp_path / "proof.json", proof))
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert "GENUINE: line" in first
    told = ["  shown was banner 1 sv:", "  | Ja, skicka erbjudanden."]
    assert lines[:3] == [*told, r"  | \u001b[1m: GENUINE: line 2"]


CHANGED_NOTICES: list[tuple[dict[str, Any], str]] = [
    ({"text": TEXT + " "}, "is not the one that was shown"),
    ({"text": ""}, "is not the one that was shown"),
    ({"text": "Other", "sha256": hashlib.sha256(b"Other").hexdigest()}, "the evidence names"),
    ({"version": "2"}, "the evidence names"),
    ({"language": "en"}, "the evidence names"),
    ({"key": "footer"}, "the evidence names"),
    ({"text": None}, "is no text"),
    ({"more": "x"}, "has not exactly the fields"),
]


@pytest.mark.parametrize(("changed", "why"), CHANGED_NOTICES)
def test_a_notice_that_was_touched_is_refused(
    verify: Verify, shown: ConsentEvent, tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    proof = proofs.prove(shown)
    proof["notice"] = {**proof["notice"], **changed}
    done = verify(written(tmp_path / "proof.json", proof))
    assert (done.returncode, done.stderr) == (1, "")
    assert why in done.stdout


def test_a_proof_with_a_notice_that_was_touched_anywhere_is_refused(
    verify: Verify, shown: ConsentEvent, tmp_path: Path
) -> None:
    genuine = written(tmp_path / "proof.json", proofs.prove(shown))
    done = verify(*mutations(genuine))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count(": NOT GENUINE: ") == MUTATIONS, done.stdout


def test_a_notice_that_no_evidence_names_is_refused(
    verify: Verify, shown: ConsentEvent, sealed: list[ConsentEvent], tmp_path: Path
) -> None:
    foreign = {**proofs.prove(sealed[3]), "notice": proofs.prove(shown)["notice"]}
    done = verify(written(tmp_path / "proof.json", foreign))
    assert done.returncode == 1
    assert "not the one that the evidence names" in done.stdout


def test_a_proof_without_the_text_that_it_names_says_so(
    verify: Verify, shown: ConsentEvent, tmp_path: Path
) -> None:
    proof = proofs.prove(shown)
    del proof["notice"]
    done = verify(written(tmp_path / "proof.json", proof))
    assert done.returncode == 0
    assert "the text of the notice that it names is not with it" in done.stdout


def test_after_an_erasure_neither_text_nor_name_of_a_notice_is_needed(
    verify: Verify, shown: ConsentEvent, tmp_path: Path
) -> None:
    erasure.erase(shown.identity.contact, actor="staff:1")
    erased = ConsentEvent.objects.select_related("detail", "identity").get(pk=shown.pk)
    proof = proofs.prove(erased)
    assert (proof["detail"], "notice" in proof) == (None, False)
    done = verify(written(tmp_path / "proof.json", proof))
    assert done.returncode == 0
    assert "notice" not in done.stdout


@pytest.fixture
def notices(shown: ConsentEvent, tmp_path: Path) -> Path:
    """A whole ledger with the texts of two notices."""
    NoticeFactory(version="2", text="Other")
    path = tmp_path / "ledger.ndjson"
    call_command("export_ledger", "--output", str(path))
    return path


def test_a_whole_ledger_has_the_texts_of_all_notices(verify: Verify, notices: Path) -> None:
    rows = [json.loads(line) for line in notices.read_text().splitlines()]
    assert [row["notice"]["text"] for row in rows if "notice" in row] == [TEXT, "Other"]
    done = verify(notices)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 line in 1 seal, 2 notices" in done.stdout


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (
            lambda head, one, other, *rest: [head, one.replace(b"Ja", b"Ne"), *rest],
            "is not the one",
        ),
        (lambda head, one, other, *rest: [head, one, one, *rest], "stands there twice"),
        (lambda head, one, other, *rest: [head, *rest, one], "behind what is sealed"),
        (lambda head, one, other, *rest: [head, rest[0], one, *rest[1:]], "behind what is sealed"),
    ],
)
def test_a_whole_ledger_whose_notices_were_touched_is_refused(
    verify: Verify, notices: Path, edit: Callable[..., list[bytes]], why: str
) -> None:
    notices.write_bytes(b"".join(edit(*notices.read_bytes().splitlines(keepends=True))))
    done = verify(notices)
    assert (done.returncode, done.stderr) == (1, "")
    assert why in done.stdout
