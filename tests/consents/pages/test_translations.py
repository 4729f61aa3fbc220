"""Every word of the pages is there in every language."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

BASE = Path(__file__).parents[3]
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
FUNCTIONS = {"gettext", "gettext_lazy"}
_PLACEHOLDER = re.compile(r"%\([a-z]+\)s")
_IN_TEMPLATE = re.compile(r"gettext\((u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))\)")
_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', re.MULTILINE)


def in_code() -> set[str]:
    calls = (
        node
        for path in (BASE / "consents" / "pages").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in FUNCTIONS
    )
    return {ast.literal_eval(call.args[0]) for call in calls}


def in_templates() -> set[str]:
    return {
        ast.literal_eval(text)
        for path in (BASE / "templates" / "preferences").glob("*.html")
        for text in _IN_TEMPLATE.findall(templatize(path.read_text()))
    }


def folder(language: str) -> Path:
    return BASE / "consents" / "locale" / language / "LC_MESSAGES"


def as_written(language: str) -> dict[str, str]:
    """The catalogue's source."""

    def text(lines: str) -> str:
        return "".join(ast.literal_eval(line) for line in lines.splitlines())

    source = (folder(language) / "django.po").read_text()
    entries = {text(original): text(said) for original, said in _ENTRY.findall(source)}
    return {original: said for original, said in entries.items() if original}


def as_compiled(language: str) -> dict[str, str]:
    with (folder(language) / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    return {original: said for original, said in catalogue.items() if original}


def test_words_are_found_in_code_and_templates() -> None:
    assert "Save my choice" in in_code()
    assert "Language" in in_templates()
    assert len(in_code() | in_templates()) > 35


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_translated_and_nothing_else(language: str) -> None:
    written = as_written(language)
    assert written.keys() == in_code() | in_templates()
    assert all(written.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_stand_in_every_translation_where_the_original_has_them(language: str) -> None:
    for original, said in as_written(language).items():
        assert sorted(_PLACEHOLDER.findall(original)) == sorted(_PLACEHOLDER.findall(said))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_says_what_its_source_says(language: str) -> None:
    assert as_compiled(language) == as_written(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_differ_from_the_original(language: str) -> None:
    same = {original for original, said in as_written(language).items() if original == said}
    assert same == set()
