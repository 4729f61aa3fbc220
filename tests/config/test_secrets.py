"""Secrets that an installation makes for itself."""

import stat
from concurrent.futures import ThreadPoolExecutor

from cryptography.fernet import Fernet

from config import secrets
from consents import signatures


def test_they_are_made_once_and_readable_by_their_owner_alone(home):
    first = secrets.load_or_create(home)
    assert first.keys() == secrets.MAKERS.keys()
    assert len(first["SECRET_KEY"]) >= 50
    Fernet(first["FIELD_ENCRYPTION_KEYS"])
    signatures.read_private(first["LEDGER_SEAL_KEYS"])
    assert stat.S_IMODE((home / "secrets.env").stat().st_mode) == 0o600
    assert secrets.load_or_create(home) == first


def test_processes_that_start_at_once_agree(home, run):
    script = (
        "from pathlib import Path; from config import secrets;"
        f"print(sorted(secrets.load_or_create(Path({str(home)!r})).items()))"
    )
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda _: run("-c", script).stdout, range(4)))
    assert len(answers) == 1
    assert "SECRET_KEY" in answers.pop()


def test_one_that_a_newer_version_needs_is_added_and_the_others_stay(home):
    kept = secrets.load_or_create(home)["IDENTITY_DIGEST_KEY"]
    (home / "secrets.env").write_text(f"# old\nIDENTITY_DIGEST_KEY={kept}\n")
    now = secrets.load_or_create(home)
    assert now["IDENTITY_DIGEST_KEY"] == kept
    assert secrets.load_or_create(home) == now


def test_a_draft_left_by_a_killed_process_is_in_nobodys_way(home):
    (home / "secrets.draft").write_text("SECRET_KEY=half")
    made = secrets.load_or_create(home)
    assert made["SECRET_KEY"] != "half"
    assert not (home / "secrets.draft").exists()
