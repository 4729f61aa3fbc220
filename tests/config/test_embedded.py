"""The embedded PostgreSQL comes up whatever state it was left in, and goes down when told."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from config import embedded
from config.cluster import APPLICATION, OWNER, SUPERUSER, Cluster, EmbeddedError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root only")


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """One server for the tests that only look at it."""
    with tempfile.TemporaryDirectory(prefix="ob-", dir="/tmp") as path:
        cluster = Cluster(Path(path) / "home" / "postgres", durable=False)
        embedded.ensure(cluster)
        yield cluster
        embedded.stop(cluster)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """The data of a prepared cluster that does not run: initdb takes most of a first start."""
    with tempfile.TemporaryDirectory(prefix="ob-", dir="/tmp") as path:
        cluster = Cluster(Path(path) / "home" / "postgres", durable=False)
        embedded.ensure(cluster)
        embedded.stop(cluster)
        yield cluster.data


@pytest.fixture
def prepared(cluster: Cluster, template: Path) -> Cluster:
    """A cluster that has run before."""
    cluster.root.mkdir()
    subprocess.run(["cp", "-a", str(template), str(cluster.data)], check=True)
    return cluster


def setting(cluster: Cluster, name: str) -> str:
    with cluster.connect() as connection:
        return connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]


def test_it_answers_and_a_second_call_changes_nothing(prepared):
    embedded.ensure(prepared)
    first = postmaster(prepared)
    embedded.ensure(prepared)
    assert prepared.answers()
    assert postmaster(prepared) == first


def test_the_server_listens_on_its_socket_alone_and_logs_no_statement(running):
    assert setting(running, "listen_addresses") == ""
    assert setting(running, "log_error_verbosity") == "terse"
    assert setting(running, "log_min_error_statement") == "panic"
    with running.connect() as connection:
        row = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'optbook'"
        assert connection.execute(row).fetchone() == ("b", "C.UTF-8")


def test_the_log_prints_no_value_of_a_failed_statement(running):
    with running.connect() as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT '46732001122x'::int")
    assert "46732001122" not in running.log.read_text()


def test_only_the_one_who_runs_it_reaches_the_socket_and_the_data(running):
    for directory in (running.root, running.sockets, running.data):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert directory.stat().st_uid == psutil.Process(postmaster(running)).uids().real


def test_the_application_is_no_superuser_and_may_make_no_table(running):
    with running.connect() as connection:
        powers = "SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreatedb OR rolcreaterole"
        powerful = {name for (name,) in connection.execute(powers).fetchall()}
        assert powerful == {SUPERUSER, OWNER}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
    assert APPLICATION not in powerful


def test_a_killed_server_is_started_again_with_what_was_committed(prepared):
    cluster = Cluster(prepared.root, durable=True)
    embedded.ensure(cluster)
    with cluster.connect(OWNER) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(postmaster(cluster), signal.SIGKILL)
    embedded.ensure(cluster)
    with cluster.connect(OWNER) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_stale_process_id_that_now_belongs_to_another_does_not_matter(prepared):
    embedded.ensure(prepared)
    pid_file = prepared.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(prepared)
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
        os.chown(pid_file, prepared.data.stat().st_uid, prepared.data.stat().st_gid)
        embedded.ensure(prepared)
        assert postmaster(prepared) != sleeper.pid
        assert sleeper.poll() is None
    finally:
        sleeper.communicate()


@pytest.mark.chaos
def test_a_server_that_hangs_is_reported_and_never_doubled(prepared):
    embedded.ensure(prepared)
    pid = postmaster(prepared)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedError, match="does not answer"):
            embedded.ensure(prepared, deadline=1)
        assert postmaster(prepared) == pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_processes_that_start_it_at_once_get_the_same_server(cluster, run):
    script = (
        "from pathlib import Path; from config import embedded; from config.cluster import Cluster;"
        f"embedded.ensure(Cluster(Path({str(cluster.root)!r}), durable=False))"
    )
    with ThreadPoolExecutor(3) as pool:
        finished = list(pool.map(lambda _: run("-c", script), range(3)))
    assert [done.returncode for done in finished] == [0, 0, 0], finished
    masters = [pid for pid in cluster.processes() if psutil.Process(pid).ppid() == 1]
    assert masters == [postmaster(cluster)]


def test_a_first_start_that_was_cut_off_leaves_nothing_in_the_way(cluster):
    draft = cluster.root / "data.draft"
    draft.mkdir(parents=True)
    (draft / "half").write_text("written")
    embedded.ensure(cluster)
    assert cluster.answers()
    assert not draft.exists()


def test_files_that_are_no_database_are_not_touched(cluster):
    cluster.data.mkdir(parents=True)
    precious = cluster.data / "precious"
    precious.write_text("mine")
    with pytest.raises(EmbeddedError, match="move it away"):
        embedded.ensure(cluster)
    assert precious.read_text() == "mine"


def test_data_of_another_version_stops_with_the_way_to_carry_it_over(prepared):
    version = prepared.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 17.*pg_dumpall.*psql"):
        embedded.ensure(prepared)
    assert version.read_text() == "17\n"


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(home):
    cluster = Cluster(home / ("x" * 90) / "postgres")
    with pytest.raises(EmbeddedError, match="Set OPTBOOK_HOME to a shorter path"):
        embedded.ensure(cluster)
    assert list(home.iterdir()) == []


def test_a_home_that_is_no_directory_is_an_error_in_words(home):
    (home / "file").write_text("")
    with pytest.raises(EmbeddedError, match="Cannot use"):
        embedded.ensure(Cluster(home / "file" / "postgres"))


def test_a_path_with_spaces_and_quotes_works(home, template):
    cluster = Cluster(home / "it's a home" / "postgres", durable=False)
    cluster.root.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(template), str(cluster.data)], check=True)
    try:
        embedded.ensure(cluster)
        assert cluster.answers()
    finally:
        embedded.stop(cluster)


def test_stopping_ends_every_process_and_a_second_stop_does_nothing(prepared):
    embedded.ensure(prepared)
    embedded.stop(prepared)
    assert prepared.processes() == []
    embedded.stop(prepared)


def test_stopping_what_never_ran_makes_nothing(home):
    embedded.stop(Cluster(home / "postgres"))
    assert list(home.iterdir()) == []


@as_root
def test_root_runs_it_as_a_system_user_and_opens_parents_for_passing_only(home, capfd):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    cluster = Cluster(closed / "postgres", durable=False)
    try:
        embedded.ensure(cluster)
        owner = psutil.Process(postmaster(cluster)).username()
    finally:
        embedded.stop(cluster)
    assert owner != "root"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert f"opened {closed} for passing through" in capfd.readouterr().err


@as_root
def test_root_can_choose_the_system_user(cluster, monkeypatch):
    monkeypatch.setenv("OPTBOOK_POSTGRES_USER", "nobody")
    embedded.ensure(cluster)
    uid = psutil.Process(postmaster(cluster)).uids().real
    assert pwd.getpwuid(uid).pw_name == "nobody"


@as_root
def test_root_without_a_system_user_is_told_what_to_do(cluster, monkeypatch):
    monkeypatch.setenv("OPTBOOK_POSTGRES_USER", "no-such-user")
    with pytest.raises(EmbeddedError, match=r"no-such-user.*OPTBOOK_POSTGRES_USER"):
        embedded.ensure(cluster)


def test_the_umask_of_the_caller_does_not_matter(cluster):
    before = os.umask(0o377)
    try:
        embedded.ensure(cluster)
        assert cluster.answers()
    finally:
        os.umask(before)


def test_the_command_starts_tells_and_stops(home, run):
    assert run("-m", "config.embedded", "url").stdout.strip().endswith(f"{home}/postgres/run")
    started = run("-m", "config.embedded", "start")
    assert "PostgreSQL answers" in started.stdout, started
    assert run("-m", "config.embedded", "stop").returncode == 0
    assert Cluster(home / "postgres").processes() == []


def test_the_command_refuses_other_words(run):
    done = run("-m", "config.embedded", "restart")
    assert (done.returncode, done.stdout) == (2, "")
