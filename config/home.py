"""Where an installation keeps what it makes itself: `$OPTBOOK_HOME`, else `var/` beside the code.

Importing this reads `.env` at the root of the code; what the environment says already stays.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

BASE = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE / ".env")

# A relative one lies in the code's directory, wherever a command is started.
HOME = BASE / Path(os.environ.get("OPTBOOK_HOME") or "var").expanduser()
