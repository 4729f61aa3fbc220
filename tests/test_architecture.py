"""The arrows: config → providers → consents, and within each only downwards."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("consents", "providers", "config")

# What a module may import stands in its own line or above.
CONSENTS_LEVELS = (
    # pure: no queries, no tables
    {"vocabulary", "errors", "msisdn", "spelling", "keyword_lists", "keywords", "identifiers"}
    | {"window", "folding", "decision", "commitments", "timestamps", "rates", "strict_json"}
    | {
        "numbering",
        "merkle",
        "signatures",
        "findings",
        "workdays",
        "media",
        "counting",
        "requested",
    },
    {"models", "signals", "holders", "encryption"},
    {
        "purposes",
        "notices",
        "entries",
        "addressbook",
        "history",
        "writing",
        "reach",
        "voiding",
        "ledger",
    }
    | {"batch", "reviews", "awaiting"},
    {"gate", "gate_people", "gate_bulk"},
    set[str](),  # what is not named here
    {"admin", "api", "pages", "management", "apps"},
)
PROVIDERS_LEVELS = (
    {"contract", "errors", "http", "signing", "redaction", "registry"}
    | {"deadlines", "outcomes", "exchange", "addresses", "reading", "meta", "dropin_contract"}
    | {"readback_contract", "callback_secrets"},
    {"models"},
    set[str](),  # what is not named here
    {"receivers", "sweeps", "worker"},
    {"admin", "api", "callbacks", "dropins", "management", "apps"},
)
ANYTHING_ELSE = {"consents": 4, "providers": 2}
LEVELS = {"consents": CONSENTS_LEVELS, "providers": PROVIDERS_LEVELS}
NETWORK = {"requests", "urllib3", "http.client", "socket", "urllib.request", "httpx", "aiohttp"}


@cache
def modules(package: str) -> dict[str, Path]:
    """Every module of ours in this package, by its dotted name."""
    found = (path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)
    return {_dotted(path): path for path in found}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """What a file imports, anywhere in it: `a.b.c` for `from a.b import c` too."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folder = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*folder, *([node.module] if node.module else [])])


def is_within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offenders(files: Iterable[Path], forbidden: Iterable[str]) -> list[str]:
    forbidden = list(forbidden)
    return sorted(
        f"{_dotted(path)} imports {name}"
        for path in files
        for name in imports(path)
        if is_within(name, forbidden)
    )


def part(package: str, name: str) -> Iterator[Path]:
    """The files of one module or folder directly within a package."""
    whole = f"{package}.{name}"
    return (path for dotted, path in modules(package).items() if is_within(dotted, [whole]))


def leaf_files() -> list[Path]:
    return [path for name in PROVIDERS_LEVELS[0] for path in part("providers", name)]


def provider_folders() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "providers").glob("*/adapter.py"))


def level(dotted: str) -> int:
    package, _, rest = dotted.partition(".")
    name = rest.partition(".")[0]
    named = (at for at, names in enumerate(LEVELS[package]) if name in names)
    return next(named, ANYTHING_ELSE[package])


def ours(package: str, path: Path) -> set[str]:
    """The modules of this package that a file imports."""
    known = modules(package)
    return {
        name if name in known else name.rpartition(".")[0]
        for name in imports(path)
        if is_within(name, [package])
    }


def test_consents_imports_neither_providers_nor_config() -> None:
    assert offenders(modules("consents").values(), ["providers", "config"]) == []


def test_providers_does_not_import_config() -> None:
    assert offenders(modules("providers").values(), ["config"]) == []


@pytest.mark.parametrize("package", ["consents", "providers"])
def test_a_module_imports_nothing_above_its_level(package: str) -> None:
    is_beside = {f"{package}.{name}" for name in [*provider_folders(), "sandbox"]}
    wrong = [
        f"{dotted} imports {name}"
        for dotted, path in modules(package).items()
        if not is_within(dotted, is_beside) and dotted != package
        for name in ours(package, path) - {package}
        if level(name) > level(dotted)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other(package: str) -> None:
    graph = {dotted: ours(package, path) - {dotted} for dotted, path in modules(package).items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"A circle: {error.args[1]}")


@pytest.mark.parametrize("package", ["consents", "providers"])
def test_the_doors_do_not_know_each_other(package: str) -> None:
    doors = [door for door in LEVELS[package][-1] if door != "apps"]
    for door in doors:
        others = [f"{package}.{other}" for other in doors if other != door]
        assert offenders(part(package, door), others) == []


def test_pure_modules_touch_no_tables() -> None:
    files = [path for name in CONSENTS_LEVELS[0] for path in part("consents", name)]
    assert len(files) == len(CONSENTS_LEVELS[0])
    assert offenders(files, ["django.db", "django.contrib", "consents.models", "providers"]) == []


def test_consents_calls_no_network() -> None:
    assert offenders(modules("consents").values(), NETWORK) == []


def test_requests_is_imported_in_one_place() -> None:
    files = [path for package in PACKAGES for path in modules(package).values()]
    importers = {_dotted(path) for path in files if offenders([path], ["requests"])}
    assert importers == {"providers.http"}


def test_the_leaf_library_knows_nothing_of_tables_views_or_consents() -> None:
    files = leaf_files()
    assert len(files) == len(PROVIDERS_LEVELS[0])
    web = ["django.db", "django.http", "django.contrib", "django.views", "rest_framework"]
    assert offenders(files, ["consents", "providers.models", *web]) == []


def test_there_are_provider_folders_with_the_same_file_names() -> None:
    folders = provider_folders()
    assert {"pepipost", "sinch_conversation", "sinch_whatsapp"} <= set(folders)
    for folder in folders:
        assert (ROOT / "providers" / folder / "wire.py").exists(), folder


@pytest.mark.parametrize("folder", provider_folders())
def test_a_provider_folder_imports_the_leaf_library_and_itself(folder: str) -> None:
    allowed = [f"providers.{name}" for name in [*PROVIDERS_LEVELS[0], folder]]
    for path in part("providers", folder):
        beyond = {
            name for name in ours("providers", path) - {"providers"} if not is_within(name, allowed)
        }
        assert beyond == set(), path
        assert offenders([path], ["django", "rest_framework", "consents"]) == [], path


def test_no_module_but_the_registry_names_a_provider_folder() -> None:
    folders = [f"providers.{folder}" for folder in provider_folders()]
    outside = [
        path
        for package in ("consents", "providers")
        for dotted, path in modules(package).items()
        if not is_within(dotted, folders)
    ]
    assert offenders(outside, folders) == []


def test_the_sandbox_shares_no_code_with_what_it_stands_in_for() -> None:
    files = list(part("providers", "sandbox"))
    beyond = {
        name
        for path in files
        for name in ours("providers", path)
        if not is_within(name, ["providers.sandbox"])
    }
    assert beyond == set()
    assert offenders(files, ["django", "consents"]) == []


@pytest.mark.parametrize(
    ("words", "writer"),
    [
        ("ConsentEvent.objects.append", "consents.writing"),
        ("INSERT INTO consents_consentevent", "consents.batch.sql"),
    ],
)
def test_one_module_appends_to_the_ledger_in_each_way(words: str, writer: str) -> None:
    writers = {
        _dotted(path)
        for package in PACKAGES
        for path in modules(package).values()
        if words in path.read_text()
    }
    assert writers == {writer}
