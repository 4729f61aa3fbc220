"""The sandbox's own doors under /sandbox/: ask its state, switch faults, let people write."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from . import inbound
from .callbacks import read_target, seal
from .exchange import ACTIONS, PROVIDERS, Answer, Request, json_answer
from .fault_kinds import KINDS
from .sandbox import Sandbox

PREFIX = "/sandbox"


def answer(request: Request, sandbox: Sandbox) -> Answer:
    """The answer to a control call: 400 with a reason for nonsense, 404 for an unknown door."""
    _, _, rest = request.path.partition(PREFIX)
    door, *arguments = [unquote(part) for part in rest.strip("/").split("/")]
    handle = DOORS.get((request.method, door))
    if handle is None:
        return _refuse(404, "no such door; GET /sandbox/ lists them")
    try:
        return handle(sandbox, request, arguments)
    except ValueError as error:
        return _refuse(400, str(error))


def _refuse(status: int, message: str) -> Answer:
    return json_answer(status, {"error": {"code": status, "message": message}})


def _wish(request: Request) -> dict[str, Any]:
    if request.payload is None:
        raise ValueError("the body must be a JSON object")
    return request.payload


def _index(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    doors = sorted(f"{method} {PREFIX}/{door}" for method, door in DOORS)
    return json_answer(200, {"status": "ok", "providers": PROVIDERS, "doors": doors})


def _state(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    if not arguments:
        return json_answer(200, sandbox.holdings.snapshot())
    provider = inbound.read_provider(arguments[0])
    if len(arguments) == 1:
        return json_answer(200, sandbox.holdings.snapshot()[provider])
    return json_answer(200, sandbox.holdings.show(provider, arguments[1]))


def _preload(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    numbers = _wish(request).get("numbers")
    if len(arguments) != 1 or not isinstance(numbers, dict):
        raise ValueError('POST /sandbox/state/{provider} takes {"numbers": {number: state}}')
    sandbox.holdings.preload(arguments[0], numbers, datetime.now(UTC))
    return json_answer(200, {"preloaded": len(numbers)})


def _calls(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    since = request.query.get("since", "0")
    if not since.isascii() or not since.isdigit():
        raise ValueError("since must be a call's sequence number")
    provider = request.query.get("provider")
    if provider is not None:
        inbound.read_provider(provider)
    calls = sandbox.calls.since(int(since), provider)
    return json_answer(200, {"count": sandbox.calls.count, "calls": calls})


def _reset(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    sandbox.reset()
    return json_answer(200, {"status": "reset"})


def _faults(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    active = [rule.show() for rule in sandbox.faults.active()]
    known = {
        name: {
            "meaning": kind.meaning,
            "providers": kind.providers,
            "parameters": dict(kind.parameters),
        }
        for name, kind in KINDS.items()
    }
    return json_answer(200, {"faults": active, "known": known, "actions": ACTIONS})


def _add_fault(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    return json_answer(201, sandbox.faults.add(_wish(request)).show())


def _clear_faults(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    if arguments and not (arguments[0].isascii() and arguments[0].isdigit()):
        raise ValueError("a fault's id is a number")
    cleared = sandbox.faults.clear(int(arguments[0]) if arguments else None)
    return json_answer(200, {"cleared": cleared})


def _callbacks(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    targets = [asdict(target) for target in sandbox.callbacks.targets()]
    return json_answer(200, {"targets": targets, "tries": sandbox.callbacks.tries()})


def _set_callback(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    target = read_target(_wish(request))
    sandbox.callbacks.set_target(target)
    return json_answer(201, asdict(target))


def _clear_callbacks(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    sandbox.callbacks.clear_targets()
    return json_answer(200, {"targets": []})


def _inbound(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    """A person writes, or any JSON `body` is sent as the provider would send it."""
    wish = _wish(request)
    provider = inbound.read_provider(wish.get("provider"))
    target = sandbox.callbacks.target_of(provider)
    if target is None:
        raise ValueError(f"no callback address is set for {provider}: POST /sandbox/callbacks")
    delay, copies = _read_delivery(wish)
    now = datetime.now(UTC)
    events = _events(sandbox, provider, wish, now)
    unsigned = wish.get("unsigned") is True
    secret = "not the secret" if wish.get("bad_signature") is True else None
    for event, content in events:
        post = seal(target, event, content, now, unsigned=unsigned, secret=secret)
        for _ in range(copies):
            sandbox.callbacks.schedule(post, delay)
    return json_answer(202, {"callbacks": [content for _, content in events]})


def _read_delivery(wish: Mapping[str, Any]) -> tuple[float, int]:
    """How many seconds from now, and how many times the same callback is sent."""
    delay, copies = wish.get("delay_seconds", 0), wish.get("copies", 1)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= 300:
        raise ValueError("delay_seconds must be a number from 0 to 300")
    if isinstance(copies, bool) or not isinstance(copies, int) or not 1 <= copies <= 100:
        raise ValueError("copies must be a whole number from 1 to 100")
    return float(delay), copies


def _events(
    sandbox: Sandbox, provider: str, wish: Mapping[str, Any], now: datetime
) -> list[tuple[str, dict[str, object]]]:
    if isinstance(wish.get("body"), dict):
        return [("RAW", wish["body"])]
    wishes = wish.get("messages", [wish])
    if not isinstance(wishes, list) or not wishes or any(not isinstance(w, dict) for w in wishes):
        raise ValueError("messages must be a list of messages")
    messages = [inbound.read_message(provider, each, now) for each in wishes]
    return inbound.callbacks_for(provider, messages, sandbox.accounts, now)


def _accounts(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    return json_answer(200, sandbox.accounts.show())


def _set_account(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    if len(arguments) != 1:
        raise ValueError("POST /sandbox/accounts/{provider} takes the credentials to change")
    sandbox.accounts.set(arguments[0], _wish(request))
    return _accounts(sandbox, request, arguments)


def _expire_tokens(sandbox: Sandbox, request: Request, arguments: list[str]) -> Answer:
    sandbox.accounts.expire_tokens(time.time())
    return json_answer(200, {"status": "expired"})


Door = Callable[[Sandbox, Request, list[str]], Answer]

DOORS: dict[tuple[str, str], Door] = {
    ("GET", ""): _index,
    ("GET", "state"): _state,
    ("POST", "state"): _preload,
    ("GET", "calls"): _calls,
    ("POST", "reset"): _reset,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "callbacks"): _callbacks,
    ("POST", "callbacks"): _set_callback,
    ("DELETE", "callbacks"): _clear_callbacks,
    ("POST", "inbound"): _inbound,
    ("GET", "accounts"): _accounts,
    ("POST", "accounts"): _set_account,
    ("POST", "expired-tokens"): _expire_tokens,
}
