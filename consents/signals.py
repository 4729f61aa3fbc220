"""The bells that the ledger rings, in the transaction that changed something.

One event written alone rings Django's own `post_save` of ConsentEvent. Events written together
ring `events_recorded` once, with all of them. `purposes_changed` rings when a purpose's rules
changed, so that what may be written at all may have changed for many.
"""

from django.dispatch import Signal

events_recorded = Signal()  # events: list[ConsentEvent]
purposes_changed = Signal()  # no arguments
