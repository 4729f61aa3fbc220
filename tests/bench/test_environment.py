"""Nothing of this machine's settings, and no installation's data, come into a benchmark."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bench import environment


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"PATH": "/bin", "DATABASE_URL": "postgresql://live", "OPTBOOK_HOME": "/srv/optbook"}
    monkeypatch.setattr(os, "environ", given | {"OPTBOOK_POSTGRES_USER": "pg"})


@pytest.mark.usefixtures("settings_of_this_machine")
def test_a_live_database_is_out_of_reach(tmp_path):
    environment.prepare(tmp_path)
    assert os.environ["DATABASE_URL"] == ""
    assert os.environ["OPTBOOK_HOME"] == str(tmp_path)


@pytest.mark.usefixtures("settings_of_this_machine")
def test_what_is_a_fact_about_the_machine_stays(tmp_path):
    environment.prepare(tmp_path)
    assert (os.environ["PATH"], os.environ["OPTBOOK_POSTGRES_USER"]) == ("/bin", "pg")
    assert "DATABASE_AS_OWNER" not in os.environ


def test_the_home_is_for_this_user_alone(temporary):
    with environment.own_home() as home:
        assert home.parent == temporary
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_two_benchmarks_at_once_are_refused(temporary):
    first, second = environment.own_home(), environment.own_home()
    with first, pytest.raises(SystemExit, match="Another benchmark"), second:
        pass
    with environment.own_home():
        pass


def test_somebody_elses_link_is_not_followed(temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (temporary / f"optbook-bench-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(SystemExit, match="not a directory of ours"), environment.own_home():
        pass
