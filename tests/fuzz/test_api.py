"""The API holds what its schema says, whatever is sent: every check that schemathesis has.

Each operation is called by chance with what the schema allows and with what it does not; then
operations are called one after another, with what came of the earlier ones. A few examples by
default; `script/test fuzz` takes many, and every limit the schema names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.core.failures import FailureGroup

from config.wsgi import application
from tests.fuzz.fitting import fit

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""How many by chance for each operation, and how many rows of operations; 0: the quick run."""

LIMITS = settings(
    max_examples=EXAMPLES or 4,
    deadline=None,
    database=None,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
)
schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
# Each test says itself who calls; the check `ignored_auth` takes that away.
schema.config.generation.with_security_parameters = False
schema.config.phases.coverage.enabled = bool(EXAMPLES)


@contextmanager
def undone() -> Iterator[None]:
    """What is written meanwhile is taken back; as with Django's own client, no request hangs up."""
    ends = (request_started, request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for signal in ends:
            signal.connect(close_old_connections)


@schema.parametrize()
@LIMITS
def test_an_operation_holds_what_the_schema_says(case: Any, key: dict[str, str]) -> None:
    fit(case)
    case.call_and_validate(headers=key)


def machine(key: dict[str, str]) -> Any:
    """What calls one operation after another, as schemathesis draws them."""

    class Machine(schema.as_state_machine()):
        """Each row of operations begins in the same world: what is drawn depends on answers."""

        rows = 0
        failures: ClassVar[list[BaseException]] = []

        def setup(self) -> None:
            super().setup()
            Machine.rows += 1
            self._row = undone()
            self._row.__enter__()

        def teardown(self) -> None:
            self._row.__exit__(None, None, None)
            super().teardown()

        def before_call(self, case: Any) -> None:
            fit(case)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": key}

        def validate_response(self, response: Any, case: Any, *args: Any, **call: Any) -> None:
            case.validate_response(response, *args, headers=key, transport_kwargs=call)

        def step(self, input: Any) -> Any:
            try:
                return super().step(input)
            except (FailureGroup, Exception) as failure:
                self.failures.append(failure)
                raise

    return Machine


def test_operations_in_a_row_hold_what_the_schema_says(key: dict[str, str]) -> None:
    caller = machine(key)
    assert schema.statistic.transitions.total > 0
    while (left := LIMITS.max_examples - caller.rows) > 0:
        try:
            caller.run(settings=settings(LIMITS, max_examples=left, stateful_step_count=12))
        except FlakyStrategyDefinition:
            # schemathesis picks what it takes from an answer by chance of its own, which hypothesis
            # notices now and then when it draws the same once more. The rows that are left are run
            # anew, as its own runner does, unless a failure was being looked at.
            if caller.failures:
                raise caller.failures[0] from None
