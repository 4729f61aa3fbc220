"""The words of consent: channels, actions, outcomes, reasons, and who is entitled to what."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

CUSTOMER_WINDOW: Final = timedelta(hours=24)
"""How long a person's message lets the business answer (Meta, "Service messages", 2026-05)."""

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far ahead of our clock an `occurred_at` may be before it is refused."""

CONFIRMATION_TIME: Final = timedelta(minutes=5)
"""How long after an opt-out its one confirmation may be sent (47 CFR 64.1200(a)(12))."""

CONFIRM_WITHIN_HOURS_MAX: Final = 24 * 365
"""How long at most a person may have to confirm an opt-in that was handed in for them."""

SOURCE_MAX: Final = 25
"""Pepipost: "source value cannot be greater than 25 characters."."""

ROOT_PURPOSE: Final = "all"


class IdentityKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    OPAQUE = "opaque"


class Channel(StrEnum):
    """Where a person is written to; the names are the ones Sinch's Conversation API uses."""

    WHATSAPP = "WHATSAPP"
    SMS = "SMS"
    RCS = "RCS"
    MMS = "MMS"
    VIBER = "VIBER"
    MESSENGER = "MESSENGER"
    INSTAGRAM = "INSTAGRAM"
    TELEGRAM = "TELEGRAM"
    LINE = "LINE"
    WECHAT = "WECHAT"
    KAKAOTALK = "KAKAOTALK"
    APPLEBC = "APPLEBC"
    EMAIL = "EMAIL"

    @property
    def label(self) -> str:
        """As people call it, in English."""
        return _LABELS.get(self, self.value)

    @property
    def identity_kind(self) -> IdentityKind:
        if self in _PHONE_CHANNELS:
            return IdentityKind.PHONE
        return IdentityKind.EMAIL if self is Channel.EMAIL else IdentityKind.OPAQUE

    @property
    def window(self) -> timedelta | None:
        """How long a person's message opens the channel, where it has such a window."""
        return CUSTOMER_WINDOW if self in _WINDOW_CHANNELS else None


_PHONE_CHANNELS: Final = frozenset(
    {Channel.WHATSAPP, Channel.SMS, Channel.RCS, Channel.MMS, Channel.VIBER}
)
_WINDOW_CHANNELS: Final = frozenset({Channel.WHATSAPP, Channel.MESSENGER, Channel.INSTAGRAM})
_LABELS: Final = {
    Channel.WHATSAPP: "WhatsApp",
    Channel.VIBER: "Viber",
    Channel.MESSENGER: "Messenger",
    Channel.INSTAGRAM: "Instagram",
    Channel.TELEGRAM: "Telegram",
    Channel.WECHAT: "WeChat",
    Channel.KAKAOTALK: "KakaoTalk",
    Channel.APPLEBC: "Apple Messages",
    Channel.EMAIL: "E-mail",
}


class Action(StrEnum):
    """What a line of the ledger says happened."""

    OPT_IN = "opt_in"
    OPT_IN_REQUESTED = "opt_in_requested"  # an opt-in that the person has to confirm
    OPT_OUT = "opt_out"
    WINDOW_OPENED = "window_opened"
    WINDOW_CLOSED = "window_closed"
    HELD = "held"
    RELEASED = "released"
    VOIDED = "voided"
    ERASED = "erased"
    IDENTITY_MOVED = "identity_moved"
    EXPIRED = "expired"


CONSENT_ACTIONS: Final = frozenset({Action.OPT_IN, Action.OPT_OUT})

FOLDED_ACTIONS: Final = CONSENT_ACTIONS | {Action.EXPIRED}
"""What state is folded from: what people said, and that an opt-in has run out."""

VOIDABLE_ACTIONS: Final = CONSENT_ACTIONS | {Action.OPT_IN_REQUESTED}


class Origin(StrEnum):
    """By which door an event came in."""

    API = "api"
    ADMIN = "admin"
    IMPORT = "import"
    DROPIN = "dropin"
    PROVIDER = "provider"
    KEYWORD = "keyword"
    PREFERENCE_PAGE = "preference_page"
    CONFIRM_PAGE = "confirm_page"
    SYSTEM = "system"


SPREADING_ORIGINS: Final = frozenset({Origin.KEYWORD, Origin.PREFERENCE_PAGE, Origin.PROVIDER})
"""An opt-out by one of these counts for the contact's other identities too."""

PROVING_ORIGINS: Final = frozenset({Origin.ADMIN, Origin.IMPORT})
"""An opt-in by one of these needs the evidence that its purpose requires."""

HANDED_IN_ORIGINS: Final = frozenset({Origin.API, Origin.ADMIN, Origin.IMPORT, Origin.DROPIN})
"""An opt-in by one of these is handed in for the person, who may have to confirm it."""

INHERITED_ORIGINS: Final = SPREADING_ORIGINS | {Origin.SYSTEM}
"""An opt-out by one of these is taken over by identities that join the contact later."""

CUT_TO_NOW_ORIGINS: Final = frozenset({Origin.DROPIN, Origin.PROVIDER})
"""A future `occurred_at` from one of these is cut to now, never refused."""


class Lifts(StrEnum):
    """Which opt-outs an opt-in is entitled to lift."""

    NOTHING = "nothing"
    DROPIN = "dropin"  # only opt-outs that came by a drop-in
    ANY = "any"


class Outcome(StrEnum):
    """What an event did to the state of its identity and purpose when it was inserted."""

    CHANGED = "changed"
    NO_CHANGE = "no_change"
    OUT_OF_ORDER = "out_of_order"
    WOULD_RESURRECT = "would_resurrect"
    UNCONFIRMED = "unconfirmed"  # an opt-in that would take effect, once it is confirmed


class State(StrEnum):
    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"
    EXPIRED = "expired"


class StopScope(StrEnum):
    """How far a person's own opt-out reaches among the identities of their contact."""

    CHANNEL = "channel"
    CONTACT = "contact"


class Mode(StrEnum):
    """What kind of message may be sent."""

    FREE_FORM = "free_form"
    TEMPLATE = "template"
    ANY = "any"


class Basis(StrEnum):
    """What a permission rests on."""

    OPT_IN = "opt_in"
    CUSTOMER_WINDOW = "customer_window"
    CONFIRMATION = "confirmation"


class Reason(StrEnum):
    """Why the gate refuses."""

    OPTED_OUT = "opted_out"
    NO_OPT_IN = "no_opt_in"
    WINDOW_CLOSED = "window_closed"
    HELD_FOR_REVIEW = "held_for_review"
    EXPIRED = "expired"
    UNKNOWN_IDENTITY = "unknown_identity"
    INVALID_IDENTITY = "invalid_identity"
    CONFIRMATION_USED = "confirmation_used"


class Category(StrEnum):
    """WhatsApp's message categories; every purpose but the root belongs to one."""

    SERVICE = "service"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"
    MARKETING = "marketing"

    @property
    def allowed_in_window(self) -> bool:
        """Whether the customer window alone allows it, unless a purpose says otherwise."""
        return self is not Category.MARKETING


class Proof(StrEnum):
    """What a purpose may require to be known of an opt-in, by its name in the evidence."""

    BUSINESS_NAME = "business_name"  # in whose name it was asked for
    WORDING = "wording"
    WORDING_VERSION = "wording_version"
    MEDIUM = "medium"  # paper, telephone, web form
    LANGUAGE = "language"
    LEGAL_BASIS = "legal_basis"


class Medium(StrEnum):
    """How a revocation reached the business."""

    PHONE = "phone"
    LETTER = "letter"
    EMAIL = "email"
    IN_PERSON = "in_person"
    OTHER = "other"


class Deed(StrEnum):
    """What a member of staff did, in the trail of it."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    DONE = "done"  # what no form of the admin's own did: the text says
    OPENED = "opened"
    EXPORTED = "exported"
    LOGGED_IN = "logged_in"


class KeywordAction(StrEnum):
    STOP = "stop"
    START = "start"
    CONFIRM = "confirm"  # says yes to an opt-in that was asked for, and nothing else


class ConfirmedBy(StrEnum):
    """How a person confirmed an opt-in that was handed in for them."""

    KEYWORD = "keyword"
    LINK = "link"
    API = "api"


class Scope(StrEnum):
    """What an API key may do."""

    RECORD = "record"
    CHECK = "check"
    READ = "read"
    MANAGE = "manage"


class FileStatus(StrEnum):
    """Where a file stands that was handed in."""

    RECEIVED = "received"  # nobody has said yet what its columns mean
    CHECKING = "checking"
    CHECKED = "checked"
    RECORDING = "recording"
    RECORDED = "recorded"
    CANCELLED = "cancelled"
    FAILED = "failed"
