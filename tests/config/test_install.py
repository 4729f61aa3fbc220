"""What the scripts set up before Optbook's own code can run."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from types import ModuleType

import pytest

from config.home import BASE


@pytest.fixture
def install(tmp_path, monkeypatch) -> ModuleType:
    """script/install.py, for a repository of its own with empty lists of requirements."""
    spec = importlib.util.spec_from_file_location("install", BASE / "script" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BASE", tmp_path)
    for name in (module.RUNTIME, *module.DEVELOPMENT):
        (tmp_path / name).write_text("# nothing\n")
    return module


def test_it_makes_an_environment_installs_into_it_and_then_leaves_it_alone(
    install, tmp_path, monkeypatch, capsys
):
    done = []

    def pretend(ways, otherwise=""):
        done.append(ways[-1])
        (tmp_path / ".venv").mkdir(exist_ok=True)

    monkeypatch.setenv("PATH", "/nowhere")  # no uv
    monkeypatch.setattr(install, "run_first", pretend)
    install.main(["--dev"])
    venv = tmp_path / ".venv"
    assert capsys.readouterr().out.strip() == str(venv / "bin" / "python")
    assert done[0] == [sys.executable, "-m", "venv", str(venv)]
    assert [way[-1] for way in done[1:]] == [
        str(tmp_path / "requirements.txt"),
        str(tmp_path / "requirements-dev.txt"),
        str(tmp_path / "requirements-sdk.txt"),
    ]
    install.main(["--dev"])
    assert len(done) == 4


def test_an_environment_whose_python_is_gone_is_made_anew(install, tmp_path, monkeypatch):
    done = []
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    monkeypatch.setattr(install, "run_first", lambda ways, otherwise="": done.append(ways[0]))
    install.make(tmp_path / ".venv")
    assert done == [[sys.executable, "-m", "venv", "--clear", str(tmp_path / ".venv")]]


def test_changed_requirements_are_installed_and_development_only_when_asked(install, tmp_path):
    venv = tmp_path / ".venv"
    venv.mkdir()
    install.stamp(venv, install.RUNTIME).write_text(install.digest(install.RUNTIME))
    assert install.is_current(venv, [install.RUNTIME])
    assert not install.is_current(venv, [install.RUNTIME, *install.DEVELOPMENT])
    (tmp_path / install.RUNTIME).write_text("something-else==1\n")
    assert not install.is_current(venv, [install.RUNTIME])


def test_every_package_is_pinned_by_hash(install, tmp_path):
    for way in install.installers(tmp_path, install.RUNTIME):
        assert "--require-hashes" in way
    pinned = [line for line in (BASE / "requirements.txt").read_text().splitlines() if "==" in line]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)


def test_code_that_cannot_be_written_gets_its_environment_in_the_home(
    install, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda *words: False)
    monkeypatch.setenv("OPTBOOK_HOME", "/srv/optbook")
    assert str(install.place()) == "/srv/optbook/venv"
    monkeypatch.delenv("OPTBOOK_HOME")
    with pytest.raises(SystemExit, match="Set OPTBOOK_HOME"):
        install.place()


def test_a_way_that_fails_is_followed_by_the_next_and_the_last_failure_ends_it(install):
    good, bad = [sys.executable, "-c", ""], [sys.executable, "-c", "raise SystemExit(1)"]
    install.run_first([bad, good])
    with pytest.raises(SystemExit, match="Could not set Optbook up"):
        install.run_first([bad, bad])


@pytest.mark.parametrize("name", ["server", "test", "manage", "lint", "lock"])
def test_a_script_is_sound_and_can_be_run(name):
    script = BASE / "script" / name
    assert stat.S_IMODE(script.stat().st_mode) & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_without_a_python_new_enough_the_scripts_say_so(tmp_path):
    for program in ("bash", "dirname"):
        (tmp_path / program).symlink_to(shutil.which(program))
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        [str(tmp_path / "bash"), str(BASE / "script" / "server")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
