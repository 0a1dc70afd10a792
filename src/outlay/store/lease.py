"""A process's claim on its reservations, so that nobody marks another's as lost while it lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from msgspec import Struct

STALE_US = 60_000_000
"""A lease on another host that gave no sign of life for this long (microseconds) is dead."""


class Lease(Struct, frozen=True):
    """Who holds reservations: a process of one boot of one host."""

    id: str
    host: str
    boot: str
    pid: int
    started: str

    def alive(self, *, beat_us: int, now_us: int) -> bool:
        """Whether the holder may still be running.

        On this host and boot the kernel knows at once. Elsewhere only the age of the last sign of life speaks.
        """
        if self.host != socket.gethostname():
            return now_us - beat_us < STALE_US
        return self.boot == _boot() and _started(self.pid) == self.started


def mine(now_us: int) -> Lease:
    """A new lease of this process, with a sortable, unguessable id."""
    return Lease(
        f"{now_us:014x}{os.urandom(4).hex()}", socket.gethostname(), _boot(), os.getpid(), _started(os.getpid())
    )


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """The kernel's start tick of a process; empty if it does not exist or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _signalled(pid)
    return "" if stat[0] == "Z" else stat[19]


def _signalled(pid: int) -> str:
    """Where there is no /proc: only whether the pid exists."""
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "exists"
