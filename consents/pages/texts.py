"""What the pages say that counts: these words are kept as evidence beside what was chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from consents.models import Purpose, Sender
from consents.vocabulary import ROOT_PURPOSE, Category, Channel, StopScope

Text = str | Promise

_CATEGORIES: Final[dict[Category, tuple[Text, Text]]] = {
    Category.SERVICE: (
        gettext_lazy("Help and answers"),
        gettext_lazy("Replies when you write to us or ask for help."),
    ),
    Category.UTILITY: (
        gettext_lazy("Orders and appointments"),
        gettext_lazy("Updates about what you bought, booked or asked for."),
    ),
    Category.AUTHENTICATION: (
        gettext_lazy("Security codes"),
        gettext_lazy("Codes to sign in, or to make sure that it is you."),
    ),
    Category.MARKETING: (
        gettext_lazy("Offers and news"),
        gettext_lazy("Promotions, recommendations and news."),
    ),
}
_CHANNELS: Final[dict[Channel, Text]] = {
    Channel.EMAIL: gettext_lazy("E-mail"),
    Channel.APPLEBC: gettext_lazy("Apple Messages"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    title: Text
    text: Text


NO_SUCH_LINK: Final = Notice(
    gettext_lazy("This link does not work"),
    gettext_lazy(
        "It may have expired, or it was not copied to its end. Please use the link in a newer "
        "message, or answer the message that you have."
    ),
)
TOO_OFTEN: Final = Notice(
    gettext_lazy("Please wait a moment"),
    gettext_lazy("This page was asked for too often. Please try again in a minute."),
)
LATER: Final = Notice(
    gettext_lazy("Please try again"),
    gettext_lazy("We cannot answer just now. Please try again in a moment."),
)
NOT_UNDERSTOOD: Final = Notice(
    gettext_lazy("That was not understood"),
    gettext_lazy("Nothing was changed. Please open the link in your message again."),
)
NO_LONGER: Final = Notice(
    gettext_lazy("This can no longer be confirmed"),
    gettext_lazy(
        "The time for it is over, or you have said no since. Nothing was switched on. If you still "
        "want it, please ask for it again."
    ),
)


def channel(channel: Channel) -> str:
    return str(_CHANNELS.get(channel, channel.label))


def purpose(purpose: Purpose) -> str:
    """Its name; a category that staff have not renamed in our own words."""
    if purpose.category and _is_named_by_us(purpose):
        return str(_CATEGORIES[Category(purpose.category)][0])
    return purpose.name


def hint(purpose: Purpose) -> str:
    """What a category is about; empty for what staff have named themselves."""
    if purpose.category and _is_named_by_us(purpose):
        return str(_CATEGORIES[Category(purpose.category)][1])
    return ""


def title(sender: Sender) -> str:
    return gettext("Your messages from %(sender)s") % {"sender": sender.name}


def introduction() -> str:
    return gettext("Choose what you want to hear about, and where.")


def below() -> str:
    return gettext("Switching it off also switches off what stands below it.")


def consequences(sender: Sender) -> list[str]:
    """What will happen."""
    said = [
        gettext("Your choice takes effect at once."),
        gettext("A message that is on its way already may still reach you."),
        gettext("We keep a record of your choice."),
    ]
    if sender.stop_scope == StopScope.CONTACT:
        said.insert(1, gettext("What you switch off is switched off on every channel."))
    return said


def saving() -> str:
    return gettext("Save my choice")


def leaving() -> str:
    return gettext("Stop all messages")


def of_leaving() -> str:
    return gettext(
        "Would you rather hear nothing at all? We will then not write to you on any channel, "
        "unless you write to us first or switch something on here again."
    )


def unsubscribing(sender: Sender, about: Purpose) -> str:
    """The question."""
    if about.key == ROOT_PURPOSE:
        return gettext("Stop all messages from %(sender)s?") % {"sender": sender.name}
    names = {"sender": sender.name, "purpose": purpose(about)}
    return gettext("Stop “%(purpose)s” from %(sender)s?") % names


def confirming(sender: Sender, about: Purpose) -> str:
    """The question."""
    if about.key == ROOT_PURPOSE:
        return gettext("Do you want messages from %(sender)s?") % {"sender": sender.name}
    names = {"sender": sender.name, "purpose": purpose(about)}
    return gettext("Do you want “%(purpose)s” from %(sender)s?") % names


def of_confirming() -> list[str]:
    """What will happen, and what will not."""
    return [
        gettext("Somebody has entered this address for it. If it was not you, close this page."),
        gettext("Nothing is switched on before you confirm, and you can say no at any time later."),
        gettext("We keep a record of your choice."),
    ]


def confirm() -> str:
    return gettext("Yes, I confirm")


def confirmed() -> str:
    return gettext("Done. You have confirmed it.")


def on_channel(on: Channel) -> str:
    return gettext("On this channel: %(channel)s") % {"channel": channel(on)}


def unsubscribe() -> str:
    return gettext("Unsubscribe")


def saved(*, is_anything_changed: bool, withheld: bool) -> str:
    if withheld:
        return gettext(
            "Something has changed since this page was opened, so nothing was switched on. "
            "Please look again and save once more."
        )
    if is_anything_changed:
        return gettext("Saved. This is what holds from now on.")
    return gettext("This is what holds. Nothing had to be changed.")


def left(sender: Sender) -> str:
    return gettext("Done. %(sender)s will send you no more messages.") % {"sender": sender.name}


def unsubscribed() -> str:
    return gettext("Done. You are unsubscribed.")


def evidence_of_choice(
    sender: Sender, on: Channel, words: Sequence[str], *, is_on: bool
) -> dict[str, Any]:
    """The words around one control and those at it, and what it was set to."""
    around = [title(sender), introduction(), channel(on)]
    shown = [*around, *words, *consequences(sender), saving()]
    return {"choice": "on" if is_on else "off", **_evidence(shown)}


def evidence_of_leaving(sender: Sender) -> dict[str, Any]:
    return {"choice": "stop_all", **_evidence([title(sender), of_leaving(), leaving()])}


def evidence_of_unsubscribing(sender: Sender, about: Purpose, on: Channel) -> dict[str, Any]:
    shown = [unsubscribing(sender, about), on_channel(on), *consequences(sender), unsubscribe()]
    return {"choice": "unsubscribe", **_evidence(shown)}


def evidence_of_confirming(sender: Sender, about: Purpose, on: Channel) -> dict[str, Any]:
    shown = [confirming(sender, about), on_channel(on), *of_confirming(), confirm()]
    return {"choice": "confirm", **_evidence(shown)}


def _evidence(shown: list[str]) -> dict[str, Any]:
    """`wording_sha256` is over `wording` in UTF-8."""
    wording = "\n".join(filter(None, shown))
    return {
        "language": translation.get_language(),
        "wording": wording,
        "wording_sha256": hashlib.sha256(wording.encode()).hexdigest(),
    }


def _is_named_by_us(purpose: Purpose) -> bool:
    return purpose.key == purpose.category and purpose.name == purpose.key.capitalize()
