"""Settings: loud when something is missing, and all of them explained in one file."""

import itertools
import re
import runpy
from types import SimpleNamespace

import pytest

from config import secrets
from config.environment import CannotStart
from config.home import BASE

GOOD_KEY = "x" * 60
FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PRODUCTION = {
    "OPTBOOK_MODE": "production",
    "SECRET_KEY": GOOD_KEY,
    "FIELD_ENCRYPTION_KEYS": FERNET,
    "IDENTITY_DIGEST_KEY": GOOD_KEY,
    "LEDGER_SEAL_KEYS": FERNET,
    "DATABASE_URL": "postgresql://who:pass-word@db.example.com:5433/consent",
}


@pytest.fixture
def settings_in(home, monkeypatch):
    """Reads the settings afresh, with `home` as the home and nothing else set but what is given."""
    for name in names_read():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("config.home.HOME", home)

    def read(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return SimpleNamespace(**runpy.run_path(str(BASE / "config" / "settings.py")))

    return read


def refusal(settings_in, **environment):
    """The one paragraph that the start ends with."""
    with pytest.raises(CannotStart) as info:
        settings_in(**environment)
    text = str(info.value.code)
    assert text.startswith("Optbook cannot start:")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "OPTBOOK_MODE"])
def test_production_does_not_start_without(name, settings_in):
    text = refusal(settings_in, **{key: PRODUCTION[key] for key in PRODUCTION if key != name})
    assert f"{name} is not set" in text
    assert ".env.example" in text


def test_production_names_everything_that_is_missing_at_once(settings_in):
    text = refusal(settings_in, OPTBOOK_MODE="production")
    assert all(name in text for name in PRODUCTION)


def test_a_command_that_cannot_start_prints_the_reason_and_no_traceback(run):
    done = run("manage.py", "check", OPTBOOK_MODE="production")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Optbook cannot start:")
    assert done.stderr.count("\n") == 1


def test_production_starts_with_what_it_demands_and_makes_nothing(settings_in, home):
    settings = settings_in(**PRODUCTION)
    assert (settings.DEBUG, settings.EMBEDDED, settings.SANDBOX) == (False, False, False)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPTBOOK_MODE", "prod"),
        ("DEBUG", "perhaps"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "8001"),
        ("WEB_WORKERS", "0"),
        ("DATABASE_POOL_MAX", "0"),
        ("API_THROTTLE_RATE", "often"),
        ("PREFERENCE_RATE_PER_LINK", "often"),
        ("PREFERENCE_LINK_DAYS", "0"),
        ("TRUSTED_PROXIES", "all"),
        ("PUBLIC_URL", "consent.example.com"),
        ("PUBLIC_URL", "https://consent.example.com/page"),
        ("LOG_LEVEL", "LOUD"),
        ("REVIEW_DAYS", "0"),
        ("REVIEW_COUNTRY", "XX"),
        ("FIELD_ENCRYPTION_KEYS", "no-key"),
        ("LEDGER_SEAL_KEYS", "no-key"),
        ("LEDGER_TRUSTED_KEYS", "no-key"),
        ("LEDGER_SEAL_MINUTES", "often"),
        ("DATABASE_URL", "mysql://who:pass-word@db/x"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "postgresql://who:pass-word@db:port/x"),
    ],
)
def test_nonsense_stops_the_start_and_is_named(name, value, settings_in):
    text = refusal(settings_in, **{name: value})
    assert name in text
    assert "pass-word" not in text


def test_debug_is_refused_in_production(settings_in):
    assert "DEBUG" in refusal(settings_in, **PRODUCTION, DEBUG="true")


def test_an_empty_value_is_the_same_as_none(settings_in):
    settings = settings_in(PORT="", OPTBOOK_SANDBOX="", OPTBOOK_BIND="")
    assert (settings.PORT, settings.SANDBOX, settings.BIND) == (8000, True, "127.0.0.1")


def test_reading_settings_starts_no_database(settings_in, home):
    settings = settings_in()
    assert settings.DATABASES["default"]["HOST"] == f"{home}/postgres/run"
    assert {path.name for path in home.iterdir()} == {"secrets.env", "secrets.lock"}


def test_the_application_connects_as_one_role_and_migrations_as_another(settings_in):
    def role(**environment: str) -> str:
        return settings_in(**environment).DATABASES["default"]["USER"]

    assert role() == "optbook"
    assert role(DATABASE_AS_OWNER="true") == "optbook_owner"
    assert role(**PRODUCTION) == "who"
    assert role(DATABASE_OWNER_URL="postgresql://boss@db/consent") == "boss"
    assert role(DATABASE_AS_OWNER="false") == "who"


def test_a_socket_directory_may_be_given_in_the_url(settings_in):
    url = "postgresql://optbook@/optbook?host=/run/postgresql"
    options = settings_in(DATABASE_URL=url).DATABASES["default"]["OPTIONS"]
    assert options["host"] == "/run/postgresql"


def test_every_database_has_checked_connections_from_a_pool(settings_in):
    database = settings_in(DATABASE_POOL_MIN="2", DATABASE_POOL_MAX="5").DATABASES["default"]
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["OPTIONS"]["pool"] == {"min_size": 2, "max_size": 5, "timeout": 5}


def test_the_deployment_checks_find_nothing_in_a_documented_production(run):
    environment = PRODUCTION | {"ALLOWED_HOSTS": "consent.example.com", "BEHIND_PROXY": "true"}
    environment["SECRET_KEY"] = "".join(chr(ord("!") + i) for i in range(60))
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)
    assert done.returncode == 0, done.stderr


def names_read() -> set[str]:
    """Every name that the code asks the environment for."""
    asked = re.compile(
        r"(?:text|flag|number|port|words|one_of|rate|address|public_keys|country)"
        r"\(\s*env,\s*\"([A-Z_]+)\""
        r"|environ(?:\.get\(|\[)\"([A-Z_]+)\"|\$\{([A-Z_]+):-"
    )
    sources = [*BASE.glob("config/*.py"), *BASE.glob("script/*")]
    texts = (path.read_text() for path in sources if path.is_file())
    found = {name for text in texts for match in asked.findall(text) for name in match if name}
    return (found | secrets.MAKERS.keys()) - {"DJANGO_SETTINGS_MODULE", "PATH"}


def test_env_example_explains_every_setting_and_no_other():
    lines = (BASE / ".env.example").read_text().splitlines()
    explained = {}
    for sentence, line in itertools.pairwise(lines):
        if match := re.fullmatch(r"#([A-Z_]+)=.*", line):
            explained[match[1]] = sentence
    assert explained.keys() == names_read()
    for name, sentence in explained.items():
        assert re.match(r"# .{20,}[.)]$|# .*'$", sentence), name
