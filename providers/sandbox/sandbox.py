"""The three fake providers together: what arrives, what is held, what is owed back."""

import time
from collections.abc import Collection
from datetime import UTC, datetime

from . import pepipost, sinch_conversation, sinch_whatsapp
from .accounts import Accounts
from .callbacks import Callbacks, seal
from .calls import CallLog, CallRecord
from .exchange import (
    PEPIPOST,
    SINCH_CONVERSATION,
    SINCH_WHATSAPP,
    Answer,
    Call,
    Registration,
    Request,
    Verdict,
)
from .fault_kinds import CALLBACK
from .faults import FaultBook, Rule
from .results import SUCCEEDED, TRIGGER_OF_ACTION, notification, outcome
from .state import Holdings
from .treatment import Treatment, treat

READERS = {
    PEPIPOST: pepipost.read,
    SINCH_CONVERSATION: sinch_conversation.read,
    SINCH_WHATSAPP: sinch_whatsapp.read,
}


class Sandbox:
    def __init__(self, accounts: Accounts | None = None, seed: int | None = None) -> None:
        self.accounts = accounts or Accounts()
        self.holdings = Holdings()
        self.calls = CallLog()
        self.faults = FaultBook(seed)
        self.callbacks = Callbacks()

    def reset(self) -> None:
        """Forget holdings, calls, faults and waiting callbacks; accounts and targets stay."""
        self.faults.clear()
        self.callbacks.reset()
        self.holdings.reset()
        self.calls.reset()

    def close(self) -> None:
        self.faults.clear()
        self.callbacks.close()

    def receive(self, request: Request) -> "Visit | None":
        """A provider's call begins; None when the path is no provider's."""
        provider = provider_at(request.path)
        return None if provider is None else Visit(self, request, READERS[provider](request))

    def judge(self, request: Request, call: Call, rule: Rule | None) -> Verdict:
        if call.provider == PEPIPOST:
            return pepipost.answer(request, call, self.accounts.pepipost, self.holdings, rule)
        if call.provider == SINCH_WHATSAPP:
            return sinch_whatsapp.answer(request, call, self.accounts.sinch_whatsapp, rule)
        account = self.accounts.sinch_conversation
        return sinch_conversation.answer(request, call, account, self.holdings, rule)

    def report(self, registration: Registration, oddities: Collection[Rule], now: datetime) -> None:
        """Owe the result of a registration to whoever listens."""
        target = self.callbacks.target_of(SINCH_CONVERSATION)
        rules = {rule.fault: rule for rule in oddities}
        if target is None or "callback_never" in rules:
            return
        account = self.accounts.sinch_conversation
        failed = rules.get("callback_failed")
        reason = str(failed.get("message")) if failed else ""
        post = seal(
            target,
            TRIGGER_OF_ACTION[registration.action],
            notification(registration, account, now, rules, reason),
            now,
            unsigned="callback_unsigned" in rules,
            secret="not the secret" if "callback_bad_signature" in rules else None,
        )
        delay = target.delay_seconds + sum(rule.get("seconds") or 0 for rule in oddities)
        for _ in range(2 if "callback_duplicate" in rules else 1):
            self.callbacks.schedule(post, delay)


class Visit:
    """One call under way: how it is to be treated, and the moment in which it takes effect."""

    def __init__(self, sandbox: Sandbox, request: Request, call: Call) -> None:
        self._sandbox = sandbox
        self._request = request
        self._call = call
        self._rule = sandbox.faults.take(call)
        self._generation = sandbox.holdings.generation
        self.record: CallRecord = sandbox.calls.open(call, datetime.now(UTC), time.monotonic())
        self.treatment: Treatment = treat(call.provider, self._rule)
        self.record.fault = self.treatment.fault

    def settle(self, *, apply: bool = True) -> Answer:
        """The provider's own answer; with `apply` its books take the change."""
        now = datetime.now(UTC)
        holdings = self._sandbox.holdings
        with holdings.lock:
            verdict = self._sandbox.judge(self._request, self._call, self._rule)
            if not apply or self._generation != holdings.generation:
                return verdict.answer
            oddities = self._oddities(verdict)
            if self._takes_effect(verdict, oddities):
                holdings.apply(verdict.changes, now, self.record.sequence)
                self.record.applied = True
        for registration in verdict.registrations:
            self._sandbox.report(registration, oddities, now)
        return verdict.answer

    def _oddities(self, verdict: Verdict) -> tuple[Rule, ...]:
        if not verdict.registrations:
            return ()
        return self._sandbox.faults.take_all(self._call, CALLBACK)

    def _takes_effect(self, verdict: Verdict, oddities: Collection[Rule]) -> bool:
        """A registration that is to fail changes nothing."""
        names = {rule.fault for rule in oddities}
        succeeds = all(outcome(r, names) == SUCCEEDED for r in verdict.registrations if r.supported)
        return bool(verdict.changes) and succeeds

    def hold(self) -> None:
        """Wait as long as the treatment says, or until its fault is switched off."""
        if self._rule is not None:
            self._rule.cleared.wait(self.treatment.seconds)

    def finish(self, status: int | None) -> None:
        """`status` is what was answered, None when the connection was dropped."""
        self.record.status = status
        self.record.finished_monotonic = time.monotonic()


def provider_at(path: str) -> str | None:
    if path in pepipost.PATHS:
        return PEPIPOST
    if sinch_conversation.is_mine(path):
        return SINCH_CONVERSATION
    return SINCH_WHATSAPP if path.startswith("/whatsapp/v1/") else None
