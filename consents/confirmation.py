"""The one confirmation that may follow an opt-out: claimed once, ever, within five minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import connection

from consents import addressbook, entries, gate
from consents.decision import BOTH, Permission
from consents.errors import ConsentError
from consents.models import ChannelIdentity, Consent, ConsentEvent, Sender
from consents.vocabulary import CONFIRMATION_TIME, Action, Basis, Channel, Mode, Reason, State
from consents.writing import database_clock


def claim(sender: Sender, channel: str, identity: object) -> Permission:
    """Claim it; the claim is what allows it, on any channel.

    One opt-out has one, also where it counts for several identities. Raises ConsentError for an
    unknown channel, and `nothing_to_confirm` where nobody has opted out.
    """
    on = entries.channel(channel)
    now = database_clock()
    address = gate.readable(on, identity)
    if address is None:
        return Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=now)
    known = list(addressbook.find(sender, [address]).values())
    if not known:
        return Permission(allowed=False, reason=Reason.UNKNOWN_IDENTITY, as_of=now)
    newest = _newest_opt_out(known[0])
    if newest is None:
        raise ConsentError("nothing_to_confirm", "This person has not opted out.", "identity")
    return _claim(on, newest, now)


def _newest_opt_out(identity: ChannelIdentity) -> ConsentEvent | None:
    """Of what is opted out still; a repeated opt-out may be confirmed as the first might."""
    still_out = Consent.objects.filter(identity=identity, state=State.OPTED_OUT.value)
    said = ConsentEvent.objects.filter(
        identity=identity, action=Action.OPT_OUT.value, purpose__in=still_out.values("purpose")
    ).exclude(consequences__action=Action.VOIDED.value)
    return said.select_related("cause").order_by("-occurred_at", "-seq").first()


def _claim(channel: Channel, opt_out: ConsentEvent, now: datetime) -> Permission:
    said = opt_out.cause or opt_out
    until = opt_out.occurred_at + CONFIRMATION_TIME
    refused = Permission(
        allowed=False,
        reason=Reason.OPTED_OUT,
        event=opt_out.id,
        as_of=now,
        valid_for=timedelta(),
    )
    if now >= until:
        return refused
    if not _is_first(said, now):
        return replace(refused, reason=Reason.CONFIRMATION_USED)
    return replace(
        refused,
        allowed=True,
        reason=None,
        modes=BOTH if channel.window else (Mode.ANY,),
        basis=Basis.CONFIRMATION,
        expires_at=until,
    )


def _is_first(opt_out: ConsentEvent, now: datetime) -> bool:
    """Of any number of claims, however close together, the database lets one be the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO consents_confirmation (event_id, claimed_at) VALUES (%s, %s) "
            "ON CONFLICT (event_id) DO NOTHING",
            [opt_out.id, now],
        )
        return bool(cursor.rowcount)
