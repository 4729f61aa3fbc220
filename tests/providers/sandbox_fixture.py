"""The fixture `sandbox`: the three fake providers on a free port of this process.

To use it everywhere, a conftest imports it:
`from tests.providers.sandbox_fixture import sandbox as sandbox`.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.sandbox import control
from providers.sandbox.callbacks import read_target
from providers.sandbox.exchange import Request
from providers.sandbox.server import SandboxServer, running


class RunningSandbox:
    """A sandbox that serves at `url`; what tests ask of it goes around the network."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.url = server.url
        self.core = server.sandbox

    def state(self, provider: str | None = None) -> dict[str, Any]:
        """{provider: {number: "opted_in" | "opted_out"}}, or one provider's numbers."""
        snapshot = self.core.holdings.snapshot()
        return snapshot if provider is None else snapshot[provider]

    def state_of(self, provider: str, number: str) -> str | None:
        return self.core.holdings.state_of(provider, number)

    def history(self, provider: str, number: str) -> list[str]:
        """Every state the number was brought to, oldest first, repeats included."""
        return [step.state for step in self.core.holdings.steps(provider, number)]

    def calls(self, provider: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        return self.core.calls.since(since, provider)

    def consent_calls(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The calls that ask for a change: no token fetches, no reads."""
        return [call for call in self.calls(provider) if call["action"] in ("opt_in", "opt_out")]

    def fault(self, provider: str | None, fault: str, **wish: Any) -> int:
        """Switch a fault on; its id, by which `clear_faults` switches it off."""
        return self.core.faults.add({"provider": provider, "fault": fault, **wish}).id

    def clear_faults(self, fault_id: int | None = None) -> None:
        self.core.faults.clear(fault_id)

    def preload(self, provider: str, numbers: dict[str, str]) -> None:
        """What the provider held before: {number: "opted_in" | "opted_out"}."""
        self.ask("POST", f"/sandbox/state/{provider}", {"numbers": numbers})

    def listen(self, provider: str, url: str, secret: str = "", **more: Any) -> None:
        """Post this provider's callbacks to `url` (loopback), signed with `secret`."""
        wish = {"provider": provider, "url": url, "secret": secret, **more}
        self.core.callbacks.set_target(read_target(wish))

    def tries(self) -> list[dict[str, Any]]:
        """Each callback that was posted, with the status answered."""
        return self.core.callbacks.tries()

    def inbound(self, provider: str, **wish: Any) -> list[dict[str, Any]]:
        """Let a person write (`from_` is the number); the bodies of the callbacks sent."""
        if "from_" in wish:
            wish["from"] = wish.pop("from_")
        answer = self.ask("POST", "/sandbox/inbound", {"provider": provider, **wish})
        return list(answer["callbacks"])

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """A control call; ValueError when the sandbox refuses it."""
        body = json.dumps(content).encode() if content is not None else b""
        answer = control.answer(Request(method, path, body=body), self.core)
        parsed: dict[str, Any] = json.loads(answer.body)
        if answer.status >= 400:
            raise ValueError(parsed["error"]["message"])
        return parsed

    def reset(self) -> None:
        self.core.reset()


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running() as server:
        yield RunningSandbox(server)
