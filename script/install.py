"""Makes the virtual environment and installs what the requirements pin; prints its Python.

Runs on any Python 3.11 or newer, with nothing but its standard library. What is installed already
is left alone; two at once take turns.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
RUNTIME = "requirements.txt"
DEVELOPMENT = ["requirements-dev.txt", "requirements-sdk.txt"]


def main(arguments: list[str]) -> None:
    names = [RUNTIME, *DEVELOPMENT] if "--dev" in arguments else [RUNTIME]
    venv = place()
    if not is_current(venv, names):
        venv.parent.mkdir(parents=True, exist_ok=True)
        with open(BASE / RUNTIME) as lock:  # any file that is there will do
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_current(venv, names):
                install(venv, names)
    print(venv / "bin" / "python")


def place() -> Path:
    """`.venv` beside the code; where the code cannot be written, in the home."""
    beside = BASE / ".venv"
    if beside.exists() or os.access(BASE, os.W_OK):
        return beside
    home = os.environ.get("OPTBOOK_HOME")
    if not home:
        sys.exit(f"{BASE} cannot be written. Set OPTBOOK_HOME to a directory that can.")
    return BASE / Path(home).expanduser() / "venv"


def is_current(venv: Path, names: list[str]) -> bool:
    return all(
        stamp(venv, name).exists() and stamp(venv, name).read_text() == digest(name)
        for name in names
    )


def stamp(venv: Path, name: str) -> Path:
    return venv / f".installed-{name}"


def digest(name: str) -> str:
    return hashlib.sha256((BASE / name).read_bytes()).hexdigest()


def install(venv: Path, names: list[str]) -> None:
    make(venv)
    for name in names:
        if not is_current(venv, [name]):
            say(f"Installing {name} into {venv} ...")
            run_first(installers(venv, name))
            stamp(venv, name).write_text(digest(name))


def make(venv: Path) -> None:
    python = venv / "bin" / "python"
    if python.exists() and works(python):
        return
    say(f"Making the virtual environment {venv} ...")
    clear = ["--clear"] if venv.exists() else []
    ways = [[sys.executable, "-m", "venv", *clear, str(venv)]]
    if uv := shutil.which("uv"):
        ways.append([uv, "venv", "--quiet", *clear, "--python", sys.executable, str(venv)])
    run_first(ways, "Python's venv module is missing: install it (Debian: python3-venv) or uv.")


def works(python: Path) -> bool:
    return subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0


def installers(venv: Path, name: str) -> list[list[str]]:
    """uv is quicker; pip knows settings (an index, a proxy) that uv may not."""
    python, pinned = str(venv / "bin" / "python"), ["--require-hashes", "-r", str(BASE / name)]
    plain = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    ways = [[*plain, "--no-input", "--root-user-action=ignore", *pinned]]
    if uv := shutil.which("uv"):
        ways.insert(0, [uv, "pip", "install", "--quiet", "--python", python, *pinned])
    return ways


def run_first(ways: list[list[str]], otherwise: str = "The reason stands above.") -> None:
    """Tries one way after the other until one works."""
    for way in ways:
        done = subprocess.run(way, cwd=BASE, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if done.returncode == 0:
            return
    sys.exit(f"Could not set Optbook up. {otherwise}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
