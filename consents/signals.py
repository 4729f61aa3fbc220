"""The bells that are rung in the transaction that changed something.

One event written alone rings Django's own `post_save` of ConsentEvent. Events written together
ring `events_recorded` once, with all of them. `may_write_changed` rings when whether somebody may
be written to at all has changed without a line about them: the rules of a purpose did.
"""

from django.dispatch import Signal

events_recorded = Signal()  # events: list[ConsentEvent]
may_write_changed = Signal()  # identities: list[UUID]
