"""Which wording somebody was shown: what an event's evidence names, found among the versions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from django.db.models import QuerySet

from consents.errors import ConsentError
from consents.models import ConsentEvent, Notice, Sender
from consents.models.base import LANGUAGE_MAX
from consents.models.notices import KEY_MAX
from consents.vocabulary import Proof

NAME: Final = "notice"
"""Where an event's evidence names one."""

FIELD: Final = f"evidence.{NAME}"
UNRESOLVED: Final = "unresolved"
PROVES: Final = frozenset({Proof.WORDING, Proof.WORDING_VERSION, Proof.LANGUAGE})
"""What is known of an opt-in that names a notice."""

_KEY: Final = re.compile(rf"[-a-zA-Z0-9_]{{1,{KEY_MAX}}}")


class Claim(NamedTuple):
    """What evidence says of the notice; None where it does not say."""

    key: str
    version: str | None = None
    language: str | None = None
    sha256: str | None = None


class Version(NamedTuple):
    """One version in one language, without its text."""

    key: str
    version: str
    language: str
    sha256: str
    valid_from: datetime
    created_at: datetime

    def as_evidence(self) -> dict[str, Any]:
        """What stays in the evidence of an event that names it."""
        return {name: getattr(self, name) for name in Claim._fields}


class Notices:
    """Versions of a sender's notices, held in memory.

    A version never changes; which of them a bare key means does, when another one is added. So
    these are read for each piece of work that needs some.
    """

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        self._by_key: dict[str, list[Version]] = defaultdict(list)
        for one in versions:
            self._by_key[one.key].append(one)

    @classmethod
    def of(cls, sender: Sender) -> Self:
        """All of the sender's."""
        return cls(_versions(Notice.objects.filter(sender=sender)))

    @classmethod
    def named_in(cls, sender: Sender, evidences: Iterable[object]) -> Self:
        """Those that any of these could mean; no statement where none names any."""
        keys = {key for one in evidences if (key := _key_in(one)) is not None}
        if not keys:
            return cls()
        return cls(_versions(Notice.objects.filter(sender=sender, key__in=keys)))

    def settle(
        self, evidence: dict[str, Any], spoken: str, at: datetime, *, is_binding: bool
    ) -> dict[str, Any]:
        """Evidence as it is kept: with the very version, where it names a notice.

        It names one by a key, or by an object of key, version, language and sha256, of which all
        but the key may be missing. Without a version the one that was valid at `at` is meant;
        without a language, where there are several, the evidence's own, else that of `spoken`.

        Raises ConsentError `invalid_notice`, `unknown_notice`, `notice_ambiguous` and
        `notice_differs`; where it is not binding, what was claimed is kept as it is.
        """
        if not is_named(evidence):
            return evidence
        claimed, stated = evidence[NAME], evidence.get(Proof.LANGUAGE)
        try:
            said = stated if isinstance(stated, str) and stated else spoken
            kept = self._find(_claim(claimed), said, at).as_evidence()
        except ConsentError:
            if is_binding:
                raise
            kept = _unresolved(claimed)
        return {**evidence, NAME: kept}

    def _find(self, claim: Claim, spoken: str, at: datetime) -> Version:
        meant = [one for one in self._by_key.get(claim.key, ()) if _may_be(one, claim, at)]
        language = _language(meant, spoken)
        found = max((one for one in meant if one.language == language), key=_age)
        if claim.sha256 not in (None, found.sha256):
            raise ConsentError("notice_differs", "This notice has another text.", FIELD)
        return found


def is_named(evidence: Mapping[str, Any]) -> bool:
    """Whether it says anything of a notice."""
    return evidence.get(NAME) not in (None, "")


def language_tag(text: str) -> str:
    """A BCP 47 tag in the one way that it is kept and compared (RFC 5646, section 2.1.1)."""
    first, *others = text.replace("_", "-").lower().split("-")
    return "-".join([first, *map(_subtag, others)])


def of(event: ConsentEvent) -> Notice | None:
    """The notice, with its text, that the evidence of this line names; needs its detail."""
    return named_by([event]).get(event.id)


def named_by(lines: Iterable[ConsentEvent]) -> dict[UUID, Notice]:
    """The same of many, by the line's id, with one statement for all or none."""
    said = {line.id: (line.sender_id, _settled(line)) for line in lines}
    claims = {id: (sender, claim) for id, (sender, claim) in said.items() if claim}
    if not claims:
        return {}
    found = Notice.objects.filter(
        sender__in={sender for sender, _ in claims.values()},
        key__in={claim.key for _, claim in claims.values()},
        version__in={claim.version for _, claim in claims.values()},
    )
    known = {(one.sender_id, Claim(**version(one).as_evidence())): one for one in found}
    return {id: known[claim] for id, claim in claims.items() if claim in known}


def version(notice: Notice) -> Version:
    return Version(
        notice.key,
        notice.version,
        notice.language,
        notice.digest,
        notice.valid_from,
        notice.created_at,
    )


def _versions(rows: QuerySet[Notice]) -> Iterator[Version]:
    return map(version, rows.defer("text"))


def _settled(line: ConsentEvent) -> Claim | None:
    """What the evidence says, where it was settled when it was recorded."""
    said = line.detail.evidence.get(NAME)
    if not isinstance(said, dict) or said.keys() != set(Claim._fields):
        return None
    return Claim(**said) if all(isinstance(value, str) for value in said.values()) else None


def _key_in(evidence: object) -> str | None:
    claimed = evidence.get(NAME) if isinstance(evidence, Mapping) else None
    key = claimed.get("key") if isinstance(claimed, Mapping) else claimed
    return key if isinstance(key, str) and _KEY.fullmatch(key) else None


def _claim(claimed: object) -> Claim:
    """Raises ConsentError `invalid_notice`."""
    if isinstance(claimed, str):
        return Claim(claimed)
    if not isinstance(claimed, dict) or not claimed.keys() <= set(Claim._fields):
        raise _no_claim()
    said = {name: value for name, value in claimed.items() if value is not None}
    if type(version := said.get("version")) is int:
        said["version"] = str(version)
    if "key" not in said or not all(isinstance(value, str) for value in said.values()):
        raise _no_claim()
    return Claim(**said)


def _no_claim() -> ConsentError:
    message = "A notice is named by its key, or by an object of key, version and language."
    return ConsentError("invalid_notice", message, FIELD)


def _unresolved(claimed: object) -> dict[str, Any]:
    """What is kept where nobody knows which notice is meant: as it was claimed."""
    said = claimed if isinstance(claimed, dict) else {"key": claimed}
    return {**said, UNRESOLVED: True}


def _may_be(one: Version, claim: Claim, at: datetime) -> bool:
    if claim.language is not None and one.language != language_tag(claim.language):
        return False
    return one.valid_from <= at if claim.version is None else one.version == claim.version.strip()


def _language(versions: Sequence[Version], spoken: str) -> str:
    """The one that they are in, else the one spoken. Raises ConsentError."""
    languages = {one.language for one in versions}
    if not languages:
        message = "There is no such notice, or none that was valid then."
        raise ConsentError("unknown_notice", message, FIELD)
    if len(languages) == 1:
        return languages.pop()
    for tag in _ever_broader(language_tag(spoken[:LANGUAGE_MAX])):
        if tag in languages:
            return tag
    message = f"This notice is in several languages: say which of {', '.join(sorted(languages))}."
    raise ConsentError("notice_ambiguous", message, FIELD)


def _ever_broader(tag: str) -> Iterator[str]:
    """`pt-BR`, then `pt`."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def _age(one: Version) -> tuple[datetime, datetime]:
    """Of two that are valid from the same instant, the one that was added later counts."""
    return one.valid_from, one.created_at


def _subtag(text: str) -> str:
    match len(text):
        case 2:
            return text.upper()
        case 4:
            return text.title()
    return text
