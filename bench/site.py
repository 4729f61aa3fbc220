"""What every measure works on: an installation, and the people in its book."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from bench.by_hand import ByHand
from bench.installation import Installation
from bench.people import Strangers
from config import sandbox_accounts
from config.services import Running
from consents import tallies
from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import ApiKey, Purpose, Sender
from consents.vocabulary import ROOT_PURPOSE, Scope
from providers import accounts
from providers.models import ProviderAccount

STAFF, PASSWORD = "bench", "a password of the benchmark"
ONE_ACCOUNT = "sinch_whatsapp"
"""The kind of the one account that is configured where not all three are asked for."""

_NOTHING_OWED = """
UPDATE providers_providersync
SET status = 'succeeded', reason = '', lease = NULL, lease_until = NULL, ended_at = now()
WHERE status IN ('pending', 'sending', 'awaiting_result')
"""


@dataclass(frozen=True, slots=True)
class Options:
    """`rows`: how many consents are in the book. `seconds`: how long one round of load takes."""

    rows: int
    seconds: float


@dataclass(slots=True)
class Site:
    """`filled`: how many people are in the book, from the first on."""

    installation: Installation
    options: Options
    sender: UUID
    key: str
    strangers: Strangers = field(default_factory=Strangers)
    filled: int = 0

    @property
    def port(self) -> int:
        return self.installation.port

    def web(self) -> AbstractContextManager[Running]:
        return self.installation.run("web")

    def fill(self, count: int | None = None) -> None:
        """Put in the people that are missing up to `count`, else as many as were asked for."""
        count = self.options.rows if count is None else count
        if count <= self.filled:
            return
        with self.by_hand() as book:
            book.populate(range(self.filled, count))
        self.filled = count
        self.settle_down()

    def settle_down(self) -> None:
        """As after a quiet night: the worker has counted all lines, and all is on disk."""
        tallies.keep(timezone.now())
        self.installation.settle_down()

    @contextmanager
    def by_hand(self) -> Iterator[ByHand]:
        """A pen for the book; the account that is always configured is owed each change."""
        purpose = Purpose.objects.get(key=ROOT_PURPOSE).id
        account = ProviderAccount.objects.get(kind=ONE_ACCOUNT).id
        with closing(self.installation.connect()) as hand:
            yield ByHand(hand, self.sender, purpose, (account,), settings.IDENTITY_DIGEST_KEY)

    def configure(self, *kinds: str) -> None:
        """Only accounts of these kinds are told from now on, and nothing is owed from before."""
        ProviderAccount.objects.update(is_enabled=False)
        ProviderAccount.objects.filter(kind__in=kinds).update(is_enabled=True)
        with connection.cursor() as cursor:
            cursor.execute(_NOTHING_OWED)


def open_site(installation: Installation, options: Options) -> Site:
    """A fresh installation with the defaults, a key, a member of staff and the three accounts."""
    installation.set_up()
    ensure_defaults()
    # As in a book that has been kept for a while: fresh rules make the worker's first sweeps look
    # at everybody again.
    Purpose.objects.update(unsettled_since=None)
    sender = Sender.objects.get(key=DEFAULT_SENDER)
    sandbox_accounts.ensure_accounts(sender, installation.sandbox_port)
    for account in ProviderAccount.objects.all():
        while accounts.catch_up(account.id):
            pass
    get_user_model().objects.create_superuser(STAFF, "", PASSWORD)
    key, text = ApiKey.issue("bench", [scope.value for scope in Scope])
    key.save()
    key.senders.add(sender)
    site = Site(installation, options, sender.id, text)
    site.configure(ONE_ACCOUNT)
    return site
