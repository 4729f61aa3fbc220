"""The PostgreSQL server that Optbook brings along, for when DATABASE_URL names none.

`python -m config.embedded start|stop|url` does by hand what `script/server` does by itself.
Linux and macOS; on Windows through WSL.
"""

from __future__ import annotations

import os
import pwd
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from config import locking, system_user
from config.cluster import (
    APPLICATION,
    DATABASE,
    MAJOR_VERSION,
    OWNER,
    SOCKET_DIRECTORY_MAX,
    SUPERUSER,
    Cluster,
    EmbeddedError,
    programs,
)

DEADLINE = 60.0
_PAUSE = 0.1
_LOG_MAX = 10_000_000


def ensure(cluster: Cluster, deadline: float = DEADLINE) -> None:
    """Returns when the cluster answers; makes and starts it where needed.

    Any number of processes may call it at once. `deadline` is in seconds. Raises EmbeddedError
    with what a person can do about it.
    """
    if cluster.answers():
        return
    try:
        _check_path(cluster)
        with locking.exclusive(cluster.lock):
            if not cluster.answers():
                _bring_up(cluster, time.monotonic() + deadline)
    except OSError as error:
        raise EmbeddedError(f"Cannot use {cluster.root} for PostgreSQL: {error}") from error


def stop(cluster: Cluster) -> None:
    """Stops the server and waits until it has; nothing happens when it does not run."""
    if not cluster.data.exists():
        return
    with locking.exclusive(cluster.lock):
        if not cluster.processes():
            return
        user = _run_user()
        try:
            cluster.stop(user)
        except EmbeddedError:
            cluster.stop(user, mode="immediate")


def _bring_up(cluster: Cluster, give_up_at: float) -> None:
    user = _run_user()
    _prepare_directories(cluster, user)
    if not (cluster.data / "PG_VERSION").exists():
        _refuse_leftovers(cluster)
        cluster.initialise(user)
    _check_version(cluster)
    _start(cluster, user, give_up_at)
    _prepare_database(cluster)


def _start(cluster: Cluster, user: pwd.struct_passwd | None, give_up_at: float) -> None:
    """Tries until the deadline: a killed server's last processes take a while to notice."""
    problem = "it did not answer"
    while time.monotonic() < give_up_at:
        if _superuser_connects(cluster):
            return
        if running := cluster.processes():
            problem = f"processes {running} work in its data and it does not answer"
        else:
            (cluster.data / "postmaster.pid").unlink(missing_ok=True)
            _keep_log_short(cluster)
            try:
                cluster.start(user, seconds=max(1, int(give_up_at - time.monotonic())))
            except EmbeddedError as error:
                problem = str(error)
        time.sleep(_PAUSE)
    raise EmbeddedError(
        f"PostgreSQL under {cluster.root} did not start: {problem}. Its log: {_end_of_log(cluster)}"
    )


def _superuser_connects(cluster: Cluster) -> bool:
    try:
        cluster.connect(SUPERUSER, "postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _prepare_database(cluster: Cluster) -> None:
    """An owner who migrates, an application's role that may only use, and their database."""
    with cluster.connect(SUPERUSER, "postgres") as connection:
        roles = connection.execute("SELECT rolname FROM pg_roles").fetchall()
        for role, powers in ((OWNER, "LOGIN CREATEDB"), (APPLICATION, "LOGIN")):
            if (role,) not in roles:
                name = sql.Identifier(role)
                connection.execute(sql.SQL("CREATE ROLE {} " + powers).format(name))
        if (DATABASE,) not in connection.execute("SELECT datname FROM pg_database").fetchall():
            database, owner = sql.Identifier(DATABASE), sql.Identifier(OWNER)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))


def _check_path(cluster: Cluster) -> None:
    length = len(os.fsencode(cluster.sockets))
    if length >= SOCKET_DIRECTORY_MAX:
        raise EmbeddedError(
            f"The path of PostgreSQL's socket, {cluster.sockets}, has {length} bytes; a system "
            f"allows fewer than {SOCKET_DIRECTORY_MAX}. Set OPTBOOK_HOME to a shorter path."
        )


def _check_version(cluster: Cluster) -> None:
    found = (cluster.data / "PG_VERSION").read_text().strip()
    if found != MAJOR_VERSION:
        raise EmbeddedError(
            f"The data in {cluster.data} was made by PostgreSQL {found}; this Optbook brings "
            f"version {MAJOR_VERSION}, which cannot read it. Dump it with the programs of "
            f"{found} and restore it: `pg_dumpall -h {cluster.sockets} -U {SUPERUSER} > all.sql` "
            f"(its server running), move {cluster.data} away, `python -m config.embedded start`, "
            f"`psql -h {cluster.sockets} -U {SUPERUSER} -d postgres -f all.sql`."
        )


def _refuse_leftovers(cluster: Cluster) -> None:
    """Data without PG_VERSION is not ours to overwrite; an old server may write there yet."""
    if cluster.data.exists() and any(cluster.data.iterdir()):
        raise EmbeddedError(
            f"{cluster.data} holds files but no PostgreSQL data: move it away, then start again."
        )


def _prepare_directories(cluster: Cluster, user: pwd.struct_passwd | None) -> None:
    cluster.root.mkdir(parents=True, exist_ok=True)
    for directory in (cluster.root, cluster.sockets):
        directory.mkdir(exist_ok=True)
        if user:
            os.chown(directory, user.pw_uid, user.pw_gid)
        directory.chmod(0o700)
    if user:
        system_user.open_search(user, (cluster.root, programs() / "postgres"))


def _run_user() -> pwd.struct_passwd | None:
    try:
        return system_user.choose()
    except system_user.NoSystemUserError as error:
        raise EmbeddedError(str(error)) from None


def _keep_log_short(cluster: Cluster) -> None:
    with suppress(FileNotFoundError):
        if cluster.log.stat().st_size > _LOG_MAX:
            cluster.log.replace(cluster.log.with_name("log.old"))


def _end_of_log(cluster: Cluster) -> str:
    with suppress(OSError):
        return cluster.log.read_text(errors="replace")[-600:].strip() or "empty"
    return "not there yet"


def _start_by_hand(cluster: Cluster) -> None:
    ensure(cluster)
    print(f"PostgreSQL answers: {cluster.url()}")


def main(arguments: list[str]) -> int:
    """The command line; the exit status is 2 for a wrong word, 1 for an error."""
    actions: dict[str, Callable[[Cluster], object]] = {
        "start": _start_by_hand,
        "stop": stop,
        "url": lambda cluster: print(cluster.url()),
    }
    if len(arguments) != 1 or arguments[0] not in actions:
        print("usage: python -m config.embedded start|stop|url", file=sys.stderr)
        return 2
    from config.home import HOME

    try:
        actions[arguments[0]](Cluster(Path(HOME) / "postgres"))
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
