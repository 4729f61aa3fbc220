"""A shop that runs: an installation with people in it, and staff who sit at its desk."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from typing import Any

from config.home import BASE
from tests.config.servers import Installation

PASSWORD = "correct-horse-battery"
_STAFF = """
from django.contrib.auth.models import Group, User
user = User.objects.create_user({name!r}, password={password!r}, is_staff=True)
user.groups.set([Group.objects.get(name={group!r})])
"""


class Shop:
    """Talks to an installation as engineers and operators do."""

    def __init__(self, server: Installation) -> None:
        self.server = server
        self.address = f"http://127.0.0.1:{server.port}"
        self.employed: set[str] = set()

    @property
    def admin_password(self) -> str:
        return self._printed(r"password: (\S+)")

    def manage(self, *words: str) -> str:
        """A command's output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=BASE,
            env=self.server.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout.strip()

    def employ(self, name: str, group: str) -> None:
        """Somebody of this group, with PASSWORD."""
        self.employed.add(name)
        self.manage("shell", "-c", _STAFF.format(name=name, password=PASSWORD, group=group))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """To the API, with the key that the server printed."""
        key = self._printed(r"API key: (\S+)")
        asked = urllib.request.Request(
            self.address + path,
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def record(self, action: str, identity: str, **fields: Any) -> Any:
        body = {"action": action, "channel": "WHATSAPP", "identity": identity, "source": "WEB"}
        return self.post("/api/v1/consent-events/", {**body, **fields})

    def write(self, identity: str, text: str, message_id: str) -> Any:
        """A person writes."""
        message = {"channel": "WHATSAPP", "identity": identity, "message_id": message_id}
        return self.post("/api/v1/inbound-messages/", {**message, "text": text})

    def told(self) -> Any:
        """What the sandbox's providers hold."""
        port = self.server.environment["SANDBOX_PORT"]
        address = f"http://127.0.0.1:{port}/sandbox/state"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.server.output)
        assert found, "the server has printed no such thing"
        return found[1]
