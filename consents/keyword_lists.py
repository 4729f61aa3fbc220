"""The words Optbook starts with; staff edit them in the database afterwards.

Spellings that fold to the same text (case, accents, hyphens, spaces) stand here once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consents.vocabulary import Category, KeywordAction


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word or short phrase and what it asks for.

    `language` is the ISO 639-1 code of the people who write it, for the eyes of staff: matching
    does not look at it. A `watch` word also counts inside a longer text, as a case for a person.
    """

    word: str
    language: str
    action: KeywordAction
    watch: bool = False


# English: the seven words of 47 CFR 64.1200(a)(10), and how people spell and say them.
_STOP_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("quit", "end", "cancel", "stopall"),
    "es": (
        *("alto", "parar", "detener", "baja", "dar de baja", "salir", "cancelar", "terminar"),
        *("no más", "revocar", "cancelar suscripción"),
    ),
    "pt": (
        *("pare", "sair", "cancele", "cancelar inscrição", "remover", "encerrar", "fim"),
        *("revogar", "me remova"),
    ),
    "fr": ("arrêt", "arrête", "arrêter", "arrêtez", "annuler", "résilier", "fin", "révoquer"),
    "de": ("ende", "austragen", "kündigen", "kuendigen", "abbrechen", "beenden", "widerrufen"),
    "sv": ("sluta", "slut", "avsluta", "avbryt", "avsäg", "säg upp", "återkalla", "ta bort mig"),
}
# Inside a longer text only words that hardly mean anything else are worth a person's time.
_WATCHED_STOP_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("stop", "unsubscribe", "opt out", "remove me", "revoke"),
    "es": ("desuscribir", "desuscribirme", "darme de baja"),
    "pt": ("descadastrar", "descadastre", "desinscrever"),
    "fr": ("désabonner", "me désabonner", "désabonnement", "désinscrire", "désinscription"),
    "de": ("abmelden", "abbestellen"),
    "sv": ("stopp", "avregistrera", "avanmäl"),
}
# Not here, because chats use them for something else: yes, ok, volver and voltar ("back"),
# anmelden ("log in"). A word that lifts an opt-out must leave no doubt.
_START_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("start", "unstop", "subscribe"),
    "es": ("iniciar", "alta", "suscribir", "suscribirme"),
    "pt": ("inscrever", "inscrever-me", "reativar"),
    "fr": ("démarrer", "abonner", "m'abonner"),
    "de": ("starten", "abonnieren"),
    "sv": ("starta", "prenumerera"),
}
# Heard only while somebody's confirmation is waited for; never a start. `ja` is Swedish too.
_CONFIRM_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("yes", "confirm", "i confirm", "confirmed"),
    "es": ("sí", "confirmar", "confirmo"),
    "pt": ("sim", "confirmado"),
    "fr": ("oui", "confirmer", "je confirme"),
    "de": ("ja", "ja bitte", "bestätigen", "ich bestätige"),
    "sv": ("ja tack", "bekräfta", "jag bekräftar"),
}

COURTESIES: Final = (
    *("please", "pls", "plz", "now", "all", "thanks", "thank you"),
    *("por favor", "ahora", "ya", "todo", "todos", "todas", "gracias"),
    *("agora", "já", "tudo", "obrigado", "obrigada"),
    *("s'il vous plaît", "s'il te plaît", "svp", "stp", "maintenant", "tout", "tous", "merci"),
    *("bitte", "jetzt", "sofort", "alle", "alles", "danke"),
    *("snälla", "nu", "alla", "allt", "tack"),
)
"""Please, now, all and thanks: they ask no less and no more than the word beside them."""

PURPOSE_SYNONYMS: Final[Mapping[str, str]] = {
    "promotions": Category.MARKETING.value,
    "promociones": Category.MARKETING.value,
    "promoções": Category.MARKETING.value,
    "Werbung": Category.MARKETING.value,
    "reklam": Category.MARKETING.value,
    "notifications": Category.UTILITY.value,
    "notification": Category.UTILITY.value,
}
"""How buttons and providers name WhatsApp's categories ("Stop promotions", "STOP NOTIFICATION")."""


def _keywords() -> Iterator[Keyword]:
    lists = (
        (_STOP_WORDS, KeywordAction.STOP, False),
        (_WATCHED_STOP_WORDS, KeywordAction.STOP, True),
        (_START_WORDS, KeywordAction.START, False),
        (_CONFIRM_WORDS, KeywordAction.CONFIRM, False),
    )
    for words_by_language, action, watch in lists:
        for language, words in words_by_language.items():
            yield from (Keyword(word, language, action, watch) for word in words)


DEFAULT_KEYWORDS: Final = tuple(_keywords())
