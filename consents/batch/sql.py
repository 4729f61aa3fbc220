"""The fold of `consents.folding` as SQL: the same steps, taken for many statements at once.

State depends on the newest time of each kind of statement alone, so what stood before a statement
is a running maximum over what was said before it. A test holds both to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

FOLDED: Final = {
    "n": "integer",
    "identity_id": "uuid",
    "is_made": "boolean",
    "action": "text",
    "purpose_id": "uuid",
    "origin": "text",
    "lifts": "text",
    "stated_at": "timestamptz",
}
"""What the fold reads of a statement. `is_made`: nothing can be known of the identity yet."""

STAGED: Final = "staged_statement"


def table(columns: Mapping[str, str]) -> str:
    """The columns of a table, as it is created."""
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def only_row(of: str, columns: Mapping[str, str]) -> str:
    """A table of one row, of parameters named like its columns, in place of a staged one."""
    row = ", ".join(f"%({name})s::{kind}" for name, kind in columns.items())
    return f"{of} ({', '.join(columns)}) AS (VALUES ({row}))"


TIMES: Final = (
    "opted_in_at",
    "lifted_at",
    "dropin_lifted_at",
    "opted_out_at",
    "dropin_opted_out_at",
    "expired_at",
)
"""The newest time of each kind of statement, as `consents.folding.Fold` names them."""

_SAYS: Final = {
    "opted_in_at": "action = 'opt_in'",
    "lifted_at": "lifts = 'any'",
    "dropin_lifted_at": "lifts = 'dropin'",
    "opted_out_at": "action = 'opt_out' AND origin <> 'dropin'",
    "dropin_opted_out_at": "action = 'opt_out' AND origin = 'dropin'",
    "expired_at": "action = 'expired'",
}


def own_times() -> str:
    """Of one statement: its time under each kind that it is of."""
    return ", ".join(
        f"CASE WHEN {says} THEN occurred_at END AS own_{time}" for time, says in _SAYS.items()
    )


def refused_since(of: str) -> str:
    """When the last opt-out occurred that nothing has lifted, of the times prefixed `of`."""
    lifted = f"{of}lifted_at"
    dropin_lifted = f"GREATEST({lifted}, {of}dropin_lifted_at)"
    return (
        f"GREATEST({_unless_lifted(f'{of}opted_out_at', lifted)}, "
        f"{_unless_lifted(f'{of}dropin_opted_out_at', dropin_lifted)})"
    )


def state(of: str) -> str:
    return (
        f"CASE WHEN {refused_since(of)} IS NOT NULL THEN 'opted_out' "
        f"WHEN {of}opted_in_at <= {of}expired_at THEN 'expired' "
        f"WHEN {of}opted_in_at IS NOT NULL THEN 'opted_in' END"
    )


def _unless_lifted(opted_out: str, lifted: str) -> str:
    return f"CASE WHEN {lifted} > {opted_out} THEN NULL ELSE {opted_out} END"


def _each(template: str) -> str:
    return ", ".join(template.format(time=time) for time in TIMES)


def _joined(table: str, name: str, condition: str) -> str:
    return f"LEFT JOIN {table} {name} ON {condition}"


def _looked_up(table: str, name: str, condition: str) -> str:
    """A join that looks into the index for each row, however little the planner knows of them."""
    found = f"SELECT * FROM {table} {name} WHERE {condition} OFFSET 0"
    return f"LEFT JOIN LATERAL ({found}) AS {name} ON true"


_OUTCOME: Final = f"""
summed AS (
    SELECT *, {_each("GREATEST(old_{time}, own_{time}) AS new_{time}")},
           occurred_at <= GREATEST(old_opted_in_at, old_opted_out_at, old_dropin_opted_out_at,
                                  old_expired_at) IS TRUE AS is_late
    FROM stepped
), weighed AS (
    SELECT *, {state("old_")} AS old_state, {state("new_")} AS new_state,
           {refused_since("new_")} AS refused_since
    FROM summed
), judged AS (
    SELECT *, CASE
        WHEN new_state IS DISTINCT FROM old_state THEN 'changed'
        WHEN new_state = CASE action WHEN 'opt_in' THEN 'opted_in' ELSE 'opted_out' END
        THEN 'no_change'
        WHEN action = 'opt_in' AND occurred_at > refused_since THEN 'would_resurrect'
        ELSE 'out_of_order' END AS outcome
    FROM weighed
)
"""
"""What each step did, by the newest times before it and its own."""


_AFTER_EARLIER: Final = "GREATEST(known.{time}, max(own_{time}) OVER earlier) AS old_{time}"
_AFTER_KNOWN: Final = "known.{time} AS old_{time}"


def judged(
    staged: str, join: Callable[[str, str, str], str] = _joined, *, before: str = _AFTER_EARLIER
) -> str:
    """What each staged statement does: `outcome`, and the times before and after it.

    `before`: how each time stood before it, which those before it in the table may have moved.
    """
    standing = join(
        "consents_standing",
        "standing",
        "NOT staged.is_made AND standing.identity_id = staged.identity_id",
    )
    known = join(
        "consents_consent",
        "known",
        "NOT kinds.is_made AND known.identity_id = kinds.identity_id "
        "AND known.purpose_id = kinds.purpose_id",
    )
    return f"""
clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), timed AS (
    SELECT {", ".join(f"staged.{name}" for name in FOLDED)},
           standing.erased_at IS NOT NULL AS is_erased,
           GREATEST(clock.now, standing.last_recorded_at + interval '1 microsecond')
           + interval '1 microsecond'
             * (row_number() OVER (PARTITION BY staged.identity_id ORDER BY n) - 1) AS recorded_at
    FROM {staged} staged CROSS JOIN clock
    {standing}
), said AS (
    SELECT *, COALESCE(LEAST(stated_at, recorded_at), recorded_at) AS occurred_at FROM timed
), kinds AS (
    SELECT *, {own_times()} FROM said
), stepped AS (
    SELECT kinds.*, known.event_id AS known_event, known.since AS known_since,
           {_each(before)}
    FROM kinds
    {known}
    WINDOW earlier AS (
        PARTITION BY kinds.identity_id, kinds.purpose_id
        ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
), {_OUTCOME}"""


def _written(staged: str, judged: str) -> str:
    """Puts the lines into the ledger, and what is personal of them beside it."""
    return f"""
lines AS (
    INSERT INTO consents_consentevent
        (id, sender_id, identity_id, action, purpose_id, source, origin, actor, lifts,
         occurred_at, recorded_at, effective, outcome, address_commitment, detail_commitment)
    SELECT staged.event_id, %(sender)s, judged.identity_id, staged.action, judged.purpose_id,
           staged.source, judged.origin, staged.actor, judged.lifts, occurred_at, recorded_at,
           outcome = 'changed', outcome, staged.address_commitment, staged.detail_commitment
    FROM {judged} judged JOIN {staged} staged ON staged.n = judged.n ORDER BY judged.n
    RETURNING id, seq
), details AS (
    INSERT INTO consents_eventdetail
        (event_id, ip, user_agent, evidence, note, salt, address_salt)
    SELECT event_id, ip, user_agent, evidence, note, salt, address_salt FROM {staged}
)"""


_WRITE: Final = f"""
{judged(STAGED, _looked_up)}, traced AS (
    SELECT *,
           max(n) FILTER (WHERE outcome = 'changed') OVER pair AS changed_by,
           bool_or(is_late) OVER pair AS has_late,
           lead(n) OVER (PARTITION BY identity_id, purpose_id ORDER BY n) IS NULL AS is_last
    FROM judged
    WINDOW pair AS (PARTITION BY identity_id, purpose_id)
), pairs AS (
    SELECT traced.*, COALESCE(cause.event_id, traced.known_event) AS deciding,
           COALESCE(judged.occurred_at, traced.known_since) AS deciding_since,
           staged.consent_id
    FROM traced JOIN {STAGED} staged ON staged.n = traced.n
    LEFT JOIN judged ON judged.n = traced.changed_by
    LEFT JOIN {STAGED} cause ON cause.n = traced.changed_by
    WHERE traced.is_last
), {_written(STAGED, "judged")}, consents AS (
    INSERT INTO consents_consent AS known
        (id, identity_id, purpose_id, state, event_id, since, {", ".join(TIMES)})
    SELECT consent_id, identity_id, purpose_id, new_state, deciding, deciding_since,
           {_each("new_{time}")}
    FROM pairs
    ON CONFLICT (identity_id, purpose_id) DO UPDATE
    SET state = excluded.state, event_id = excluded.event_id, since = excluded.since,
        {_each("{time} = excluded.{time}")}
), people AS (
    SELECT identity_id, is_made, max(recorded_at) AS recorded_at,
           count(*) FILTER (WHERE is_last AND known_event IS NULL) AS purposes_new,
           bool_and(new_state = 'opted_in' AND (purpose_id <> %(root)s OR %(root_allows)s))
               FILTER (WHERE is_last) AS may_write,
           bool_or(purpose_id = ANY(%(ending)s::uuid[])) AS may_have_ended
    FROM traced GROUP BY identity_id, is_made
), others AS (
    SELECT people.*, purposes_new + known.purposes > 1 OR may_have_ended AS has_several
    FROM people CROSS JOIN LATERAL (
        SELECT count(*) AS purposes FROM consents_consent known
        WHERE NOT people.is_made AND known.identity_id = people.identity_id
    ) AS known
), standings AS (
    INSERT INTO consents_standing AS standing
        (identity_id, window_noted, last_recorded_at, may_write)
    SELECT identity_id, false, recorded_at, may_write FROM others
    ON CONFLICT (identity_id) DO UPDATE
    SET last_recorded_at = excluded.last_recorded_at, may_write = excluded.may_write
)
"""
_EACH: Final = f"""
SELECT judged.n, judged.identity_id, staged.contact_id, staged.address,
       staged.address_commitment, lines.seq, judged.outcome, judged.occurred_at,
       judged.recorded_at, traced.has_late, others.has_several, judged.is_erased
FROM judged
JOIN {STAGED} staged ON staged.n = judged.n
JOIN lines ON lines.id = staged.event_id
JOIN traced ON traced.n = judged.n
JOIN others ON others.identity_id = judged.identity_id
ORDER BY judged.n
"""
_TALLY: Final = """
SELECT (SELECT json_object_agg(outcome, rows)
        FROM (SELECT outcome, count(*) AS rows FROM judged GROUP BY outcome) AS counted),
       (SELECT min(seq) FROM lines), (SELECT max(seq) FROM lines),
       ARRAY(SELECT identity_id FROM pairs WHERE has_late ORDER BY n),
       ARRAY(SELECT purpose_id FROM pairs WHERE has_late ORDER BY n),
       ARRAY(SELECT identity_id FROM others WHERE has_several),
       ARRAY(SELECT DISTINCT identity_id FROM judged WHERE is_erased)
"""
WRITE: Final = f"WITH {_WRITE} {_EACH}"
"""Says of each statement what was written of it."""
WRITE_AND_COUNT: Final = f"WITH {_WRITE} {_TALLY}"
"""Says how many statements did what, the first and last of the lines, which pairs have to be named
anew, for whom several purposes count, and who is erased."""


def write_one(columns: Mapping[str, str]) -> str:
    """The same for one statement, of parameters in place of a staged table."""
    return f"WITH {only_row(STAGED, columns)}, {_WRITE} {_EACH}"


NAME_ANEW: Final = f"""
WITH pair AS (
    SELECT DISTINCT * FROM unnest(%s::uuid[], %s::uuid[]) AS one(identity_id, purpose_id)
), said AS (
    SELECT line.* FROM consents_consentevent line JOIN pair USING (identity_id, purpose_id)
    WHERE line.action IN ('opt_in', 'opt_out', 'expired') AND NOT EXISTS (
        SELECT FROM consents_consentevent voiding
        WHERE voiding.cause_id = line.id AND voiding.action = 'voided')
), kinds AS (
    SELECT *, {own_times()} FROM said
), summed AS (
    SELECT id, identity_id, purpose_id, occurred_at, action,
           {_each("max(own_{time}) OVER upto AS new_{time}")}
    FROM kinds
    WINDOW upto AS (
        PARTITION BY identity_id, purpose_id
        ORDER BY occurred_at, action <> 'opt_in', id ROWS UNBOUNDED PRECEDING
    )
), stated AS (
    SELECT *, {state("new_")} AS state FROM summed
), changed AS (
    SELECT *, state IS DISTINCT FROM lag(state) OVER (
        PARTITION BY identity_id, purpose_id ORDER BY occurred_at, action <> 'opt_in', id
    ) AS is_change FROM stated
), deciding AS (
    SELECT DISTINCT ON (identity_id, purpose_id) * FROM changed WHERE is_change
    ORDER BY identity_id, purpose_id, occurred_at DESC, (action <> 'opt_in') DESC, id DESC
)
UPDATE consents_consent known SET event_id = deciding.id, since = deciding.occurred_at
FROM deciding
WHERE known.identity_id = deciding.identity_id AND known.purpose_id = deciding.purpose_id
"""
"""Folds pairs anew from the ledger, to name the line that made their state what it is."""

_AS_OPT_IN: Final = ", ".join("'opt_in' AS action" if one == "action" else one for one in FOLDED)
ASK: Final = f"""
WITH asking AS (
    DELETE FROM {STAGED} WHERE action = 'opt_in_requested' RETURNING *
), opt_ins AS (
    SELECT {_AS_OPT_IN} FROM asking
), {judged("opt_ins", _looked_up, before=_AFTER_KNOWN)}, answered AS (
    SELECT judged.n, judged.identity_id, purpose_id, origin, lifts, occurred_at, recorded_at,
           is_erased,
           CASE WHEN is_erased THEN 'would_resurrect'
                WHEN outcome <> 'changed' THEN outcome
                WHEN awaited.identity_id IS NOT NULL
                  OR row_number() OVER (PARTITION BY judged.identity_id, purpose_id, outcome
                                        ORDER BY judged.n) > 1 THEN 'no_change'
                ELSE 'unconfirmed' END AS outcome
    FROM judged
    LEFT JOIN (SELECT DISTINCT * FROM unnest(%(awaited_of)s::uuid[], %(awaited)s::uuid[])
                   AS one(identity_id, purpose_id)) AS awaited USING (identity_id, purpose_id)
), {_written("asking", "answered")}, standings AS (
    INSERT INTO consents_standing AS standing (identity_id, window_noted, last_recorded_at)
    SELECT identity_id, false, max(recorded_at) FROM answered GROUP BY identity_id
    ON CONFLICT (identity_id) DO UPDATE SET last_recorded_at = excluded.last_recorded_at
)
SELECT answered.n, asking.event_id, answered.identity_id, asking.contact_id, asking.address,
       asking.address_commitment, lines.seq, outcome, occurred_at, recorded_at, is_erased
FROM answered JOIN asking ON asking.n = answered.n JOIN lines ON lines.id = asking.event_id
ORDER BY answered.n
"""
"""Takes out of the table the opt-ins that have to be confirmed, and writes them down: as what they
would do, were each confirmed at once and nothing else said. One that is asked for already, or was
earlier in the table, changes nothing (`awaited`: what, `awaited_of`: of whom)."""
