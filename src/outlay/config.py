"""Where outlay keeps its things."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Outlay's home: `$OUTLAY_HOME`, else `outlay` in the user's data folder.

    The data folder is `$XDG_DATA_HOME`, else `~/.local/share`.
    """
    if chosen := os.environ.get("OUTLAY_HOME"):
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "outlay"
