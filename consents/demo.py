"""People who do not exist, and a year of what they said: for demonstrations and screenshots.

The same seed makes the same people. Numbers, addresses and hosts are of the ranges that are
reserved for fiction and documentation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from consents import demo_notices
from consents.entries import Entry
from consents.inbound import Message
from consents.vocabulary import Action, Channel, Origin

_AREAS: Final = [area for area in range(201, 990) if area % 100 != 11 and area // 10 % 10 != 9]
_BRITISH: Final = 1000
_SWEDISH: Final = 95
_AN_AREA: Final = 100

PEOPLE_MAX: Final = _BRITISH + _SWEDISH + _AN_AREA * len(_AREAS)
"""So many numbers are set aside for fiction."""

_YEAR: Final = 365
_NAMES: Final = {
    "en": (
        ("Olivia", "Noah", "Amelia", "Jack", "Grace", "Henry", "Zoe", "Samuel", "Priya", "Marcus"),
        ("Walker", "Bennett", "Hughes", "Patel", "Morgan", "Foster", "Reed", "Okafor", "Chen"),
    ),
    "es": (
        ("Lucía", "Mateo", "Valentina", "Diego", "Camila", "Javier", "Elena", "Andrés", "Marta"),
        ("García", "Fernández", "Rojas", "Morales", "Navarro", "Castillo", "Vega", "Ortiz"),
    ),
    "sv": (
        ("Astrid", "Elsa", "Oskar", "Linnea", "Gustav", "Maja", "Viktor", "Ebba", "Nils"),
        ("Lindqvist", "Bergström", "Åkesson", "Nyström", "Holm", "Sandberg", "Ek", "Forsberg"),
    ),
    "de": (
        ("Hannah", "Lukas", "Mia", "Jonas", "Clara", "Felix", "Greta", "Moritz", "Ayşe"),
        ("Schneider", "Weber", "Krüger", "Hoffmann", "Brandt", "Yilmaz", "Vogel", "Böhm"),
    ),
}
_SOURCES: Final = (
    ("WEB", "", "https://shop.example/sign-up"),
    ("CHECKOUT", "", "https://shop.example/checkout"),
    ("STORE", "Yes, message me about new arrivals", ""),
    ("QR", "Scan to get our weekly offers", "https://shop.example/qr/window"),
    ("CALL-CENTRE", "Agreed on the phone, script 7", ""),
)
_AGENTS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/141.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) Version/19.0 Safari/605.1.15",
)
_CHATTER: Final = {
    "en": ("Is the blue one back in stock?", "Thanks!", "What time do you close today?"),
    "es": ("¿Tienen envío a Sevilla?", "¡Gracias!", "¿A qué hora cierran?"),
    "sv": ("Hur lång är leveranstiden?", "Tack så mycket!", "Finns den i storlek M?"),
    "de": ("Wann kommt meine Bestellung?", "Danke!", "Gibt es das auch in Grün?"),
}
_UNCLEAR: Final = (
    "Why do I get these, I never wanted them, please stop it already",
    "Can you unsubscribe my husband as well? He is at the same address",
    "I will stop by the store tomorrow, is that fine?",
)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    language: str
    external_id: str
    number: str = field(repr=False)
    email: str | None = field(repr=False)


def people(count: int, seed: int) -> list[Person]:
    """So many different people, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  nothing here is secret
    return [_person(at, chance) for at in range(count)]


def statements(person: Person, now: datetime, chance: random.Random) -> Iterator[Entry]:
    """What this person said within the last year, oldest first."""
    at = now - ago(chance)
    yield _opt_in(person, "all" if chance.random() < 0.7 else "marketing", at, chance)
    if chance.random() < 0.25:
        at += (now - at) * chance.random() * 0.5
        yield _opt_in(person, "utility", at, chance)
    if chance.random() < 0.16:
        at += (now - at) * chance.random()
        yield _opt_out(person, at, chance)
        if chance.random() < 0.2:
            at += (now - at) * chance.random()
            yield _opt_in(person, "all", at, chance)


def ago(chance: random.Random) -> timedelta:
    """Within a year, more of it lately, by day rather than by night."""
    days = int(_YEAR * chance.random() ** 1.6)
    return timedelta(days=days, hours=chance.triangular(0.1, 14, 6), seconds=chance.random() * 60)


def message(person: Person, at: int, now: datetime, chance: random.Random) -> Message | None:
    """What a few wrote within the last two days; some of it has to be looked at."""
    if chance.random() > 0.08:
        return None
    text = chance.choice(_CHATTER[person.language])
    if person.language == "en" and chance.random() < 0.4:
        text = chance.choice(_UNCLEAR)
    return Message(
        channel=Channel.WHATSAPP,
        identity=person.number,
        message_id=f"demo-{at}-{person.external_id}",
        received_at=now - timedelta(hours=48) * chance.random(),
        text=text,
        actor="demo",
    )


def _person(at: int, chance: random.Random) -> Person:
    language = chance.choices(list(_NAMES), weights=(5, 3, 3, 2))[0]
    first, last = (chance.choice(names) for names in _NAMES[language])
    email = f"{_plain(first)}.{_plain(last)}.{at}@mail.example" if chance.random() < 0.3 else None
    return Person(f"{first} {last}", language, f"CRM-{at + 100_001}", _number(at), email)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isascii() and letter.isalpha())


def _number(at: int) -> str:
    """The British ones (Ofcom), the Swedish mobile ones (PTS), then the American, by area."""
    if at < _BRITISH:
        return f"447700900{at:03}"
    if at < _BRITISH + _SWEDISH:
        return str(46701740605 + at - _BRITISH)
    area, line = divmod(at - _BRITISH - _SWEDISH, _AN_AREA)
    return f"1{_AREAS[area]}5550{100 + line}"


def _opt_in(person: Person, purpose: str, at: datetime, chance: random.Random) -> Entry:
    source, wording, page = chance.choice(_SOURCES)
    shown: dict[str, Any] = demo_notices.evidence(source, person.language) or {"wording": wording}
    evidence = {**shown, "policy_version": f"2026-{at.month:02}"}
    return Entry(
        action=Action.OPT_IN,
        channel=Channel.WHATSAPP,
        identity=person.number,
        purpose=purpose,
        source=source,
        origin=Origin.API,
        actor="demo",
        ip=f"203.0.113.{chance.randrange(1, 255)}" if page else None,
        user_agent=chance.choice(_AGENTS) if page else "",
        evidence=evidence | ({"url": page} if page else {}),
        occurred_at=at,
    )


def _opt_out(person: Person, at: datetime, chance: random.Random) -> Entry:
    origin, source = chance.choice(
        ((Origin.PREFERENCE_PAGE, "PREFERENCE_PAGE"), (Origin.API, "ACCOUNT_PAGE"))
    )
    return Entry(
        action=Action.OPT_OUT,
        channel=Channel.WHATSAPP,
        identity=person.number,
        purpose=chance.choice(("all", "all", "marketing")),
        source=source,
        origin=origin,
        actor="demo",
        occurred_at=at,
    )
