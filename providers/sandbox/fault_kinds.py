"""The table of faults that can be switched on. Each stands in a provider's document, or is what
any network does to any call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .exchange import (
    OPT_IN,
    OPT_OUT,
    PEPIPOST,
    PROVIDERS,
    SINCH_CONVERSATION,
    SINCH_WHATSAPP,
    TOKEN,
)

CALL = "call"
CALLBACK = "callback"

# When the provider's books take the change: before the answer is held back, after that, or never.
APPLIED = ("before", "after", "never")
RETRY_AFTER_FORMS = ("seconds", "date")
LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Kind:
    """`parameters` maps each parameter to its default; None means none."""

    meaning: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    providers: tuple[str, ...] = PROVIDERS
    actions: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    stage: str = CALL
    needs_numbers: bool = False

    def check(self, parameters: Mapping[str, Any]) -> None:
        """ValueError: a parameter that this fault does not have, or a value out of its range."""
        if unknown := sorted(set(parameters) - set(self.parameters)):
            known = ", ".join(self.parameters) or "none"
            raise ValueError(f"unknown parameter {', '.join(unknown)}; this fault takes: {known}")
        for name, value in parameters.items():
            CHECKS.get(name, _check_text)(name, value)


def _check_seconds(name: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= float(str(value)) <= LONGEST_WAIT:
        raise ValueError(f"{name} must be a number of seconds from 0 to {LONGEST_WAIT:.0f}")


def _check_whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1_000_000:
        raise ValueError(f"{name} must be a whole number from 0 to 1000000")


def _check_status(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise ValueError(f"{name} must be an HTTP status from 200 to 599")


def _check_applied(name: str, value: object) -> None:
    if value not in APPLIED:
        raise ValueError(f"{name} must be one of {', '.join(APPLIED)}")


def _check_form(name: str, value: object) -> None:
    if value not in RETRY_AFTER_FORMS:
        raise ValueError(f"{name} must be one of {', '.join(RETRY_AFTER_FORMS)}")


def _check_list(name: str, value: object) -> None:
    if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of texts")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")


def _check_text(name: str, value: object) -> None:
    # A line break would end a header and start another.
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{name} must be one line of text")


CHECKS = {
    "seconds": _check_seconds,
    "interval": _check_seconds,
    "retry_after": _check_whole,
    "expires_in": _check_whole,
    "per_second": _check_whole,
    "status": _check_status,
    "applied": _check_applied,
    "retry_after_form": _check_form,
    "rejected": _check_list,
    "reset": _check_flag,
}

_CONSENT = (OPT_IN, OPT_OUT)

ANY_PROVIDER = {
    "status": Kind(
        "an HTTP error; body is a shape of the provider's errors, html, empty or plain",
        {
            "status": 500,
            "body": None,
            "message": None,
            "retry_after": None,
            "retry_after_form": "seconds",
            "www_authenticate": None,
            "applied": "never",
            "seconds": 0,
        },
    ),
    "slow": Kind("the right answer, late", {"seconds": 30, "applied": "before"}),
    "drop_before_applying": Kind("connection closed, nothing done", {"seconds": 0, "reset": False}),
    "drop_after_applying": Kind(
        "connection closed, the change is made", {"seconds": 0, "reset": False}
    ),
    "lands_late": Kind(
        "connection closed at once, the change is made later", {"seconds": 1, "reset": False}
    ),
    "truncated": Kind("the answer breaks off half way", {"applied": "before"}),
    "drip": Kind(
        "the answer comes a byte at a time", {"interval": 0.2, "seconds": 60, "applied": "before"}
    ),
    "garbage": Kind("200 with bytes that are no JSON", {"applied": "never"}),
    "html": Kind("an HTML page where JSON is due", {"status": 200, "applied": "never"}),
    "redirect": Kind(
        "a redirect", {"status": 307, "location": "/sandbox/elsewhere", "applied": "never"}
    ),
    "bad_numbers": Kind(
        "a call that names one of the numbers is refused whole",
        {"message": None},
        actions=_CONSENT,
        needs_numbers=True,
    ),
}

OF_PEPIPOST = {
    "already_found": Kind("8005 Optin already found", providers=(PEPIPOST,), actions=_CONSENT),
    "update_error": Kind("8005 Error occurred while updating", providers=(PEPIPOST,)),
    "refused": Kind(
        "a failure of any code and text",
        {"code": "8006", "message": "Required parameter is missing"},
        providers=(PEPIPOST,),
    ),
    "changed_success_text": Kind(
        "success in other words", {"message": "Consent updated"}, providers=(PEPIPOST,)
    ),
    "failure_status": Kind(
        "failures come with an HTTP status other than 200", {"status": 400}, providers=(PEPIPOST,)
    ),
}

OF_SINCH_CONVERSATION = {
    "invalid_client": Kind(
        "the token endpoint knows no such client",
        providers=(SINCH_CONVERSATION,),
        actions=(TOKEN,),
    ),
    "short_token": Kind(
        "tokens that end soon", {"expires_in": 1}, (SINCH_CONVERSATION,), actions=(TOKEN,)
    ),
    "expired_token": Kind("401, the token has expired", providers=(SINCH_CONVERSATION,)),
    "wrong_region": Kind("404, the app lives in another region", providers=(SINCH_CONVERSATION,)),
    "withdrawn": Kind(
        "the register endpoints are gone",
        {"status": 404},
        providers=(SINCH_CONVERSATION,),
        endpoints=("optins:register", "optouts:register"),
    ),
}


def _oddity(meaning: str, parameters: Mapping[str, Any] | None = None) -> Kind:
    return Kind(meaning, parameters or {}, (SINCH_CONVERSATION,), _CONSENT, stage=CALLBACK)


OF_CALLBACKS = {
    "callback_failed": _oddity(
        "the registration fails", {"message": "the channel refused the request"}
    ),
    "callback_unspecified": _oddity("the channel does not support it"),
    "callback_wrong_key": _oddity("the result stands under the other action's key"),
    "callback_duplicate": _oddity("the same callback twice"),
    "callback_late": _oddity("the callback takes its time", {"seconds": 5}),
    "callback_out_of_order": _oddity(
        "the callback waits until later ones have passed", {"seconds": 0.5}
    ),
    "callback_no_identity": _oddity("identity is missing"),
    "callback_no_event_time": _oddity("event_time is missing"),
    "callback_no_request_id": _oddity("request_id is missing"),
    "callback_unsigned": _oddity("no signature"),
    "callback_bad_signature": _oddity("a signature made with another secret"),
    "callback_never": _oddity("no callback at all"),
}

OF_SINCH_WHATSAPP = {
    "json_answer": Kind(
        "200 with the body of 2021-08: the numbers in `rejected` failed, the others did not",
        {"rejected": [], "message": "Number is not a WhatsApp user"},
        providers=(SINCH_WHATSAPP,),
        actions=(OPT_IN,),
    ),
    "optout_missing": Kind(
        "POST provision/optout was removed",
        {"status": 404},
        providers=(SINCH_WHATSAPP,),
        endpoints=("optout",),
    ),
    "rate_limited": Kind(
        "HTTP 500 above so many calls a second", {"per_second": 20}, providers=(SINCH_WHATSAPP,)
    ),
}

KINDS: Mapping[str, Kind] = {
    **ANY_PROVIDER,
    **OF_PEPIPOST,
    **OF_SINCH_CONVERSATION,
    **OF_CALLBACKS,
    **OF_SINCH_WHATSAPP,
}
