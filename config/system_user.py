"""Who runs PostgreSQL when Optbook runs as root, and what that user must be let through to."""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

USUAL_NAMES = ("postgres", "_postgres", "nobody")


class NoSystemUserError(Exception):
    """Root may not run PostgreSQL, and no other user was found to do it."""


def choose() -> pwd.struct_passwd | None:
    """The user to run PostgreSQL as; None for ourselves, which is right unless we are root.

    `OPTBOOK_POSTGRES_USER` names one, else the first of `USUAL_NAMES` that exists.
    """
    if os.geteuid() != 0:
        return None
    named = os.environ.get("OPTBOOK_POSTGRES_USER")
    names = (named,) if named else USUAL_NAMES
    found = [user for name in names if (user := _find(name)) and user.pw_uid != 0]
    if not found:
        raise NoSystemUserError(
            f"PostgreSQL refuses to run as root, and none of these users exists: "
            f"{', '.join(names)}. Create one (`useradd --system postgres`), name another in "
            "OPTBOOK_POSTGRES_USER, or start Optbook as an ordinary user."
        )
    return found[0]


def open_search(user: pwd.struct_passwd, paths: Iterable[Path]) -> None:
    """Lets `user` pass through (not list, not read) every directory above `paths`; says so."""
    for path in paths:
        for parent in reversed(path.resolve().parents):
            if not _may_search(user, parent.stat()):
                parent.chmod(stat.S_IMODE(parent.stat().st_mode) | stat.S_IXOTH)
                print(
                    f"PostgreSQL runs as the user {user.pw_name}: "
                    f"opened {parent} for passing through (chmod o+x), not for reading.",
                    file=sys.stderr,
                )


def _may_search(user: pwd.struct_passwd, status: os.stat_result) -> bool:
    if status.st_uid == user.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.pw_gid:  # it runs without supplementary groups
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
