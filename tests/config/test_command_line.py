"""What a command finds ready when it starts."""

import os

import pytest

from config import command_line, embedded
from config.cluster import Cluster, EmbeddedError


@pytest.fixture
def started(monkeypatch):
    """Records the clusters that were to be brought up; brings up none."""
    clusters = []
    monkeypatch.setattr(embedded, "ensure", clusters.append)
    monkeypatch.setenv("DATABASE_AS_OWNER", "false")
    return clusters


@pytest.mark.parametrize("command", ["sweep", "worker", "migrate", "shell", "create_api_key"])
def test_a_command_that_works_with_data_brings_up_the_server(command, started, settings):
    settings.EMBEDDED = True
    command_line.prepare(["manage.py", command])
    assert started == [settings.CLUSTER]


@pytest.mark.parametrize("words", [["help"], ["check"], ["provider_sandbox"], ["spectacular"], []])
def test_a_command_that_needs_no_data_brings_up_nothing(words, started, settings):
    settings.EMBEDDED = True
    command_line.prepare(["manage.py", *words])
    assert started == []


def test_a_server_named_in_the_settings_is_nobodys_to_start(started, settings):
    settings.EMBEDDED = False
    command_line.prepare(["manage.py", "sweep"])
    assert started == []


def test_migrations_connect_as_the_owner_and_other_commands_do_not(started, monkeypatch):
    monkeypatch.delenv("DATABASE_AS_OWNER")
    command_line.prepare(["manage.py", "sweep"])
    assert "DATABASE_AS_OWNER" not in os.environ
    command_line.prepare(["manage.py", "migrate"])
    assert os.environ["DATABASE_AS_OWNER"] == "true"


def test_a_setting_left_empty_is_one_that_is_not_set(started, monkeypatch):
    monkeypatch.setenv("DATABASE_AS_OWNER", "")
    command_line.prepare(["manage.py", "migrate"])
    assert os.environ["DATABASE_AS_OWNER"] == "true"


def test_a_server_that_cannot_be_brought_up_ends_the_command_with_the_reason(monkeypatch, settings):
    def fail(cluster: Cluster) -> None:
        raise EmbeddedError("no room on the disk")

    monkeypatch.setattr(embedded, "ensure", fail)
    settings.EMBEDDED = True
    with pytest.raises(SystemExit, match="no room on the disk"):
        command_line.prepare(["manage.py", "sweep"])
