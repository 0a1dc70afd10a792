"""The sandbox: what foreign code can reach, use and break; where there is none, the sentence that says so.

Each test of the sandbox itself asserts the refusal instead on a machine that has none.
"""

from __future__ import annotations

import asyncio
import os
import struct

import pytest

from outlay.errors import MissingAbility
from outlay.sandbox import bubblewrap
from outlay.sandbox._syscalls import denied_calls
from outlay.sandbox.bubblewrap import Caps, probe, refusal, run_python


async def inside(code: str, **caps):
    """How code ends in the sandbox; None, after checking the refusal, where there is no sandbox."""
    running = run_python(("-I", "-S", "-c", code), stdin=b"hello", caps=Caps(**caps))
    if (said := probe()) is not None:
        with pytest.raises(MissingAbility) as raised:
            await running
        assert str(raised.value) == said
        return None
    return await running


@pytest.mark.parametrize(
    "code, said",
    [
        ("import sys; print(sys.stdin.read())", "hello"),
        (
            "import os; print(set(os.environ) - {'HOME', 'LANG', 'PATH', 'PWD', 'PYTHONDONTWRITEBYTECODE'})",
            "set()",
        ),
        ("import os; print(os.listdir('/tmp'), os.getcwd(), os.getuid())", "[] /tmp 65534"),
        (
            "import os; print([p for p in ('/etc/passwd', '/proc/1', '/sys', '/run') if os.path.exists(p)])",
            "[]",
        ),
        ("open('/tmp/a', 'w').write('x'); print(open('/tmp/a').read())", "x"),
        ("import socket; print(socket.gethostname())", "sandbox"),
        ("import threading as t; x = t.Thread(target=print, args=(5,)); x.start(); x.join()", "5"),
        ("import os; print(len([f for f in range(3, 50) if os.path.exists(f'/dev/fd/{f}')]))", "0"),
    ],
)
async def test_what_code_finds(code, said):
    ended = await inside(code)
    assert ended is None or (ended.exit_code, ended.output.strip()) == (0, said), ended


@pytest.mark.parametrize(
    "code, error",
    [
        ("import socket; socket.create_connection(('1.1.1.1', 80), 2)", "OSError"),
        ("open('/usr/lib/x', 'w')", "Read-only file system"),
        ("x = 'a' * 10**9", "MemoryError"),
        ("import os; os.fork()", "PermissionError"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])", "Error"),
        ("import os; os.kill(1, 9); os.setuid(0)", "Error"),
        ("import resource as r; r.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY, r.RLIM_INFINITY))", "ValueError"),
        (
            "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\nif libc.unshare(0x10000000): "
            "raise OSError(ctypes.get_errno(), 'unshare')",
            "PermissionError",
        ),
    ],
)
async def test_what_code_may_not(code, error):
    ended = await inside(code, memory_bytes=256_000_000)
    assert ended is None or (ended.exit_code == 1 and error in ended.errors), ended


async def test_a_file_beyond_its_size_ends_the_program():
    ended = await inside("f = open('/tmp/a', 'wb')\nf.write(b'x' * 2_000_000); f.flush()", file_bytes=1_000_000)
    assert ended is None or ended.exit_code != 0


async def test_the_wall_clock_limit():
    ended = await inside("while True: pass", timeout_s=0.5)
    assert ended is None or ended.exit_code is None


async def test_output_without_end_is_cut_not_kept():
    ended = await inside("print('x' * 3_000_000 + 'end')", kept_bytes=1000)
    assert ended is None or (len(ended.output) <= 1000 and ended.output.endswith("end\n"))


async def test_cancelling_leaves_no_process():
    if probe() is not None:
        assert "bubblewrap" in probe() or "sandbox" in probe()
        return
    before = children()
    task = asyncio.ensure_future(run_python(("-I", "-S", "-c", "while True: pass")))
    async with asyncio.timeout(10):
        while children() == before:  # noqa: ASYNC110  # another process starts
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() <= before


def children() -> set[str]:
    """The living children of this process."""
    found = set()
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children") as file:
            found |= set(file.read().split())
    return found


def test_without_bubblewrap_code_is_refused(monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    probe.cache_clear()
    try:
        assert "apt install bubblewrap" in probe()
        with pytest.raises(MissingAbility, match="not installed"):
            asyncio.run(run_python(("-c", "print(1)")))
    finally:
        probe.cache_clear()


@pytest.mark.parametrize(
    "setting, value, advice",
    [
        ("kernel.unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("user.max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "apparmor_parser -r /etc/apparmor.d/bwrap"),
    ],
)
def test_the_refusal_names_the_setting(setting, value, advice):
    assert advice in refusal("bwrap: No permissions to create new namespace", {setting: value}.get)


def test_an_unknown_reason_is_quoted():
    said = refusal("bwrap: Creating new namespace failed: Operation not permitted\n", {}.get)
    assert "(bwrap: Creating new namespace failed: Operation not permitted)" in said
    assert "docker run" in said


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_jumps_stay_inside(machine):
    program = denied_calls(machine)
    assert program is not None
    lines = [struct.unpack("=HBBI", program[i : i + 8]) for i in range(0, len(program), 8)]
    for at, (code, yes, no, _) in enumerate(lines):
        if code & 7 == 5:
            assert at + 1 + max(yes, no) < len(lines)
    assert lines[-1][0] == 6
