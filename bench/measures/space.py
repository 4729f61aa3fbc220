"""What a consent takes on disk, tables and indexes together.

Each table's bytes are divided by its own rows, since other measures may have written to some.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.site import Site

BILLION = 1_000_000_000

# One row of each of these is written for a person's first consent.
_TABLES = {
    "contact": "consents_contact",
    "identity": "consents_channelidentity",
    "standing": "consents_standing",
    "event": "consents_consentevent",
    "detail": "consents_eventdetail",
    "consent": "consents_consent",
    "sync": "providers_providersync",
}
_BYTES = "SELECT pg_total_relation_size(%s)::float / (SELECT count(*) FROM {})"


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    sizes = {
        word: float(site.installation.value(_BYTES.format(table), table))
        for word, table in _TABLES.items()
    }
    each = ", ".join(f"{word} {size:.0f}" for word, size in sizes.items())
    total = sum(sizes.values())
    yield Figure(name="One consent on disk", value=total, unit="bytes", note=each)
    yield Figure(name="A billion on disk", value=total * BILLION / 1e12, unit="TB")
