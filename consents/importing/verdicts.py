"""What would come of each row of a file whose rows are staged, said by one statement.

The fold is the one that writes. Who joins a contact that is known takes over the opt-outs that are
the contact's own, as when they are written.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from consents.batch import sql
from consents.errors import ConsentError
from consents.vocabulary import INHERITED_ORIGINS

INVALID: Final = "invalid"
CATEGORIES: Final = {
    "new": "somebody of whom nothing was said for this purpose",
    "changed": "somebody whose state changes",
    "no_change": "so already",
    "out_of_order": "older than what is known",
    "would_resurrect": "an opt-in that may not lift an opt-out: kept, and changes nothing",
    "unconfirmed": "an opt-in that counts once the person has confirmed it",
    "duplicate": "the same as an earlier row of the file",
    INVALID: "cannot be recorded",
}
"""What may come of a row, in words."""

TABLES: Final = {
    "checked_statement": f"{sql.table(sql.FOLDED)}, channel text, owner text",
    "checked_refusal": "n integer, code text, message text, field text",
}
"""Where rows are staged: statements with whose the file says they are, and what is wrong."""


class Verdict(NamedTuple):
    """What would come of the row with this number; `error` where it cannot be recorded."""

    number: int
    category: str
    error: ConsentError | None = None


_CONFLICT: Final = ("identity_conflict", "This identity belongs to another contact.", "identity")
_ORIGINS: Final = ", ".join(f"'{origin}'" for origin in sorted(INHERITED_ORIGINS))
_TAKEN_OVER: Final = {
    "n": "0",
    "identity_id": "identity_id",
    "is_made": "false",
    "action": "'opt_out'",
    "purpose_id": "purpose_id",
    "origin": "'keyword'",
    "lifts": "'nothing'",
    "stated_at": "stated_at",
}
_AS_STAGED: Final = ", ".join(
    f"{_TAKEN_OVER.get(name, 'NULL')}::{kind} AS {name}" for name, kind in sql.FOLDED.items()
)
"""An opt-out that is taken over, as a row before all others."""

ALL: Final = f"""
WITH claimed AS (
    SELECT DISTINCT ON (identity_id) identity_id, channel, owner FROM checked_statement
    WHERE owner IS NOT NULL ORDER BY identity_id, n
), known AS (
    SELECT identity.id, identity.contact_id, contact.external_id,
           contact.external_id IS NULL AND contact.display_name = ''
               AND standing.erased_at IS NULL AS is_stranger,
           standing.erased_at IS NOT NULL AS is_erased
    FROM consents_channelidentity identity
    JOIN consents_contact contact ON contact.id = identity.contact_id
    JOIN consents_standing standing ON standing.identity_id = identity.id
    WHERE identity.id IN (SELECT identity_id FROM claimed)
), joining AS (
    SELECT claimed.* FROM claimed LEFT JOIN known ON known.id = claimed.identity_id
    WHERE known.id IS NULL OR known.is_stranger
), kin AS (
    SELECT joining.identity_id, other.id AS other_id
    FROM joining
    JOIN consents_contact contact
      ON contact.sender_id = %(sender)s AND contact.external_id = joining.owner
    JOIN consents_channelidentity other ON other.contact_id = contact.id
    WHERE %(everywhere)s OR other.channel = joining.channel
    UNION
    SELECT joining.identity_id, other.identity_id
    FROM joining JOIN joining other USING (owner)
    WHERE other.identity_id <> joining.identity_id
      AND (%(everywhere)s OR other.channel = joining.channel)
), taken_over AS (
    SELECT kin.identity_id, stop.purpose_id, max(stop.occurred_at) AS stated_at
    FROM kin
    JOIN consents_consentevent stop
      ON stop.identity_id = kin.other_id AND stop.action = 'opt_out' AND stop.origin IN ({_ORIGINS})
    JOIN consents_consent said
      ON said.identity_id = stop.identity_id AND said.purpose_id = stop.purpose_id
    WHERE said.lifted_at > stop.occurred_at IS NOT TRUE
    GROUP BY kin.identity_id, stop.purpose_id
), owned AS (
    SELECT staged.*,
           staged.action <> 'opt_out' AND known.is_erased IS NOT TRUE AND staged.owner <> CASE
               WHEN known.is_stranger IS FALSE THEN COALESCE(known.external_id, '')
               ELSE claimed.owner END IS TRUE AS is_others
    FROM checked_statement staged
    LEFT JOIN claimed ON claimed.identity_id = staged.identity_id
    LEFT JOIN known ON known.id = staged.identity_id
), valid AS (
    SELECT {_AS_STAGED} FROM taken_over
    UNION ALL SELECT {", ".join(sql.FOLDED)} FROM owned
    WHERE NOT is_others AND action <> 'opt_in_requested'
), {sql.judged("valid")}
SELECT n, CASE
    WHEN outcome = 'changed' AND old_state IS NULL THEN 'new'
    WHEN outcome <> 'changed' AND row_number() OVER (
        PARTITION BY identity_id, purpose_id, action, stated_at ORDER BY n) > 1 THEN 'duplicate'
    ELSE outcome END, NULL, NULL, NULL
FROM judged WHERE n > 0
UNION ALL SELECT n, 'unconfirmed', NULL, NULL, NULL
FROM owned WHERE NOT is_others AND action = 'opt_in_requested'
UNION ALL SELECT n, '{INVALID}', {", ".join(f"'{word}'" for word in _CONFLICT)}
FROM owned WHERE is_others
UNION ALL SELECT n, '{INVALID}', code, message, field FROM checked_refusal
ORDER BY n
"""
"""Number, category, and where it is invalid code, message and field. An opt-in of an identity that
is another contact's is refused, and changes nothing."""
