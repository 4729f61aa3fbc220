"""What the people who do not exist were shown, in their languages, when they opted in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from consents import publishing
from consents.models import Sender

_OF_SOURCE: Final = {"WEB": "sign-up", "CHECKOUT": "checkout"}
_SINCE: Final = {"1": timedelta(days=400), "2": timedelta(days=150)}
_TEXTS: Final = {
    ("sign-up", "1"): {
        "en": "Keep me posted about offers and news on WhatsApp.",
        "es": "Quiero recibir ofertas y novedades por WhatsApp.",
        "sv": "Håll mig uppdaterad om erbjudanden och nyheter på WhatsApp.",
    },
    ("sign-up", "2"): {
        "en": "Keep me posted about offers and news on WhatsApp, about once a week. I can write "
        "STOP at any time.",
        "es": "Quiero recibir ofertas y novedades por WhatsApp, más o menos una vez por semana. "
        "Puedo escribir STOP cuando quiera.",
        "sv": "Håll mig uppdaterad om erbjudanden och nyheter på WhatsApp, ungefär en gång i "
        "veckan. Jag kan skriva STOP när som helst.",
    },
    ("checkout", "1"): {
        "en": "Send me updates about my order on WhatsApp.",
        "de": "Schickt mir Neues zu meiner Bestellung über WhatsApp.",
    },
}


def publish(sender: Sender, now: datetime) -> None:
    """Raises ConsentError where the sender has notices of these names that say something else."""
    for (key, version), texts in _TEXTS.items():
        for language, text in texts.items():
            publishing.publish(
                sender,
                key=key,
                version=version,
                language=language,
                text=text,
                valid_from=now - _SINCE[version],
            )


def evidence(source: str, language: str) -> dict[str, Any]:
    """What an opt-in from this source names; nothing where there was no notice to show."""
    key = _OF_SOURCE.get(source)
    if key is None:
        return {}
    spoken = language if language in _TEXTS[key, "1"] else "en"
    return {"notice": {"key": key, "language": spoken}}
