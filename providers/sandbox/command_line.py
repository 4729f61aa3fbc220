"""The sandbox as a program: its options, and running until it is told to stop."""

import argparse
import signal
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .accounts import Accounts
from .callbacks import read_target
from .exchange import PEPIPOST, PROVIDERS, SINCH_CONVERSATION, SINCH_WHATSAPP
from .sandbox import Sandbox
from .server import SandboxServer

CREDENTIALS = {
    "pepipost_token": (PEPIPOST, "token"),
    "whatsapp_bot": (SINCH_WHATSAPP, "bot"),
    "whatsapp_token": (SINCH_WHATSAPP, "token"),
    "conversation_project": (SINCH_CONVERSATION, "project"),
    "conversation_app": (SINCH_CONVERSATION, "app"),
    "conversation_key_id": (SINCH_CONVERSATION, "key_id"),
    "conversation_key_secret": (SINCH_CONVERSATION, "key_secret"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8001, help="0 is any free port")
    parser.add_argument("--seed", type=int, help="makes the faults' chances repeatable")
    for option, (provider, name) in CREDENTIALS.items():
        shown = f"the {name} accepted for {provider}"
        parser.add_argument(f"--{option.replace('_', '-')}", help=shown)
    for provider in PROVIDERS:
        option = provider.replace("_", "-")
        parser.add_argument(f"--{option}-callback", help=f"loopback URL for {provider}'s callbacks")
        parser.add_argument(f"--{option}-secret", help=f"secret that signs {provider}'s callbacks")


def build_sandbox(options: Mapping[str, Any]) -> Sandbox:
    """A sandbox set up from the options. ValueError says what is wrong with them."""
    accounts = Accounts()
    for option, (provider, name) in CREDENTIALS.items():
        if options.get(option) is not None:
            accounts.set(provider, {name: options[option]})
    sandbox = Sandbox(accounts, options.get("seed"))
    for provider in PROVIDERS:
        if url := options.get(f"{provider}_callback"):
            wish = {"provider": provider, "url": url, "secret": options.get(f"{provider}_secret")}
            sandbox.callbacks.set_target(read_target(wish))
    return sandbox


def run(options: Mapping[str, Any], announce: Callable[[str], object]) -> None:
    """Serve until SIGTERM or Ctrl-C. OSError: the address is taken; ValueError: wrong options."""
    server = SandboxServer(build_sandbox(options), options["host"], options["port"])
    signal.signal(signal.SIGTERM, _stop)
    announce(f"Provider sandbox listening on {server.url}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        announce("Provider sandbox stopped")
    finally:
        server.close()


def _stop(signal_number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
