"""Runs untrusted Python in bubblewrap: no network, no home, no secrets, one small scratch folder.

The program sees the standard library, read-only, and an empty folder in memory. It has namespaces of its own
for users, processes, network, IPC, host name and cgroups, no capabilities, no environment, limits on memory,
processor time and file size, and dies with its parent. It is one process: a system-call filter denies it
others, and some calls that only an attack on the kernel would make (x86-64 and ARM64).
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from outlay.errors import MissingAbility
from outlay.sandbox._syscalls import denied_calls
from outlay.sandbox.process import Ended, run_program

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}

_LIMIT = """import os, resource as r, sys
memory, cpu, files = map(int, sys.argv[1:4])
r.setrlimit(r.RLIMIT_CORE, (0, 0))
r.setrlimit(r.RLIMIT_AS, (memory, memory))
r.setrlimit(r.RLIMIT_CPU, (cpu, cpu))
r.setrlimit(r.RLIMIT_FSIZE, (files, files))
os.execv(sys.executable, [sys.executable, *sys.argv[4:]])
"""


class Caps(Struct, frozen=True):
    """The most that one program may use."""

    timeout_s: float = 10.0
    memory_bytes: int = 512_000_000
    file_bytes: int = 16_000_000
    kept_bytes: int = 64_000


DEFAULT = Caps()


async def run_python(arguments: Sequence[str], *, stdin: bytes = b"", caps: Caps = DEFAULT) -> Ended:
    """The end of `python ARGUMENTS` in the sandbox. It never runs unprotected.

    Args:
        arguments: what follows the interpreter's name, like `("-I", "-c", code)`.
        stdin: bytes it can read.
        caps: its limits.

    Raises:
        MissingAbility: there is no sandbox on this machine; the sentence says what to do.
    """
    refusal = await asyncio.to_thread(probe)
    if refusal is not None:
        raise MissingAbility(refusal)
    limits = (caps.memory_bytes, int(caps.timeout_s) + 1, caps.file_bytes)
    program = (_python(), "-I", "-S", "-c", _LIMIT, *map(str, limits), *arguments)
    with _filter() as (option, fds):
        return await run_program(
            (*_cage(), *option, "--", *program),
            stdin=stdin,
            env=ENVIRONMENT,
            timeout_s=caps.timeout_s,
            kept_bytes=caps.kept_bytes,
            pass_fds=fds,
        )


@functools.lru_cache(maxsize=1)
def probe() -> str | None:
    """None where the sandbox works here, else the sentence that says what to do; tried once."""
    if shutil.which("bwrap") is None:
        return (
            "Code is only run inside bubblewrap, which is not installed; install it "
            "(`apt install bubblewrap`, `dnf install bubblewrap` or `pacman -S bubblewrap`)."
        )
    try:
        with _filter() as (option, fds):
            argv = (*_cage(), *option, "--", _python(), "-I", "-S", "-c", "")
            tried = subprocess.run(
                argv, env=ENVIRONMENT, capture_output=True, timeout=30, check=False, pass_fds=fds
            )
    except subprocess.TimeoutExpired:
        return "bubblewrap did not start a program within 30 s; code is not run without it."
    return None if tried.returncode == 0 else refusal(tried.stderr.decode(errors="replace"), _setting)


def refusal(said: str, setting: Callable[[str], str | None]) -> str:
    """What to do where the kernel forbids the sandbox.

    Args:
        said: what bubblewrap wrote on stderr.
        setting: a kernel setting's value by its sysctl name, or None where there is no such setting.

    Example:
        >>> refusal("", {"kernel.unprivileged_userns_clone": "0"}.get)
        'The kernel forbids the sandbox; allow it as root with `sysctl kernel.unprivileged_userns_clone=1`.'
    """
    if setting("kernel.unprivileged_userns_clone") == "0":
        return (
            "The kernel forbids the sandbox; allow it as root with `sysctl kernel.unprivileged_userns_clone=1`."
        )
    if setting("user.max_user_namespaces") == "0":
        return "The kernel forbids the sandbox; allow it as root with `sysctl user.max_user_namespaces=15000`."
    if setting("kernel.apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor forbids the sandbox; allow it as root: write `abi <abi/4.0>, profile bwrap "
            "/usr/bin/bwrap flags=(unconfined) { userns, }` to /etc/apparmor.d/bwrap and run "
            "`apparmor_parser -r /etc/apparmor.d/bwrap`."
        )
    reason = " ".join(said.split())[:200] or "no reason given"
    return (
        f"bubblewrap cannot make a sandbox here ({reason}); in a container, allow user namespaces (docker run "
        f"--security-opt seccomp=unconfined --security-opt apparmor=unconfined), or use a plain machine."
    )


@functools.lru_cache(maxsize=1)
def _cage() -> tuple[str, ...]:
    """The bubblewrap command up to the program."""
    bwrap = shutil.which("bwrap") or "bwrap"
    known = subprocess.run(
        [bwrap, "--help"], env=ENVIRONMENT, capture_output=True, timeout=30, check=False
    ).stdout
    size = ("--size", "64000000") if b"--size" in known else ()
    nested = ("--disable-userns",) if b"--disable-userns" in known else ()
    return (
        bwrap,
        *(
            "--unshare-user",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox", *nested),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *(part for place in _readable() for part in ("--ro-bind-try", place, place)),
        *("--dev", "/dev", *size, "--tmpfs", "/tmp", "--chdir", "/tmp"),
    )


@contextmanager
def _filter() -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """The option that hands bubblewrap the system-call filter, and the descriptor it reads it from."""
    program = denied_calls()
    if program is None:
        yield (), ()
        return
    reading, writing = os.pipe()
    try:
        os.write(writing, program)
        os.close(writing)
        yield ("--seccomp", str(reading)), (reading,)
    finally:
        os.close(reading)


def _readable() -> tuple[str, ...]:
    """What Python needs to start: its own folder and the system's libraries."""
    base = Path(sys.base_prefix)
    own = (base / "lib", base / "lib64")
    places = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", *map(str, own), _python()]
    return tuple(dict.fromkeys(places))


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:
        return None
