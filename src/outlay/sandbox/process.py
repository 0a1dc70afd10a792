"""One program run to its end: data on stdin, output kept up to a cap, killed with its whole process group."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

from msgspec import Struct

LAST_WORDS_S = 1.0
"""How long the output of a program that has ended is waited for, should something else hold its pipes open."""


class Ended(Struct, frozen=True):
    """How a program ended. `exit_code` None: it ran over its time and was killed; negative: by that signal.

    `output` and `errors` are the last bytes of stdout and stderr, as text.
    """

    exit_code: int | None
    output: str
    errors: str


async def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str],
    timeout_s: float,
    kept_bytes: int = 64_000,
    pass_fds: Sequence[int] = (),
) -> Ended:
    """The end of a program that gets `stdin` and nothing else; no shell is involved.

    Output beyond the last `kept_bytes` is read and dropped, so a program that never stops writing costs no
    memory. Whatever happens, also when the caller is cancelled, no process of its group is left; what it left
    running ends with it.

    Args:
        argv: the program and its arguments.
        stdin: bytes to write; a program that does not read them is no error.
        env: the whole environment.
        timeout_s: seconds of wall-clock time.
        kept_bytes: the most that is kept of stdout and of stderr.
        pass_fds: file descriptors that it inherits.

    Raises:
        OSError: the program cannot be started.
    """
    loop = asyncio.get_running_loop()
    process, watch = await loop.subprocess_exec(
        lambda: _Watch(kept_bytes), *argv, env=dict(env), start_new_session=True, pass_fds=tuple(pass_fds)
    )
    exit_code: int | None = None
    try:
        async with asyncio.timeout(timeout_s):
            # uvloop's pipes have the methods and not the type, and refuse writing once the program has ended.
            pipe = cast(asyncio.WriteTransport, process.get_pipe_transport(0))
            if not pipe.is_closing():
                pipe.write(stdin)
                pipe.close()
            await watch.exited.wait()
        exit_code = process.get_returncode()
        _kill(process.get_pid())
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await watch.closed.wait()
    except TimeoutError:
        exit_code = None
    finally:
        _kill(process.get_pid())
        await watch.exited.wait()
        process.close()
    output, errors = (watch.kept[fd].decode(errors="replace") for fd in (1, 2))
    return Ended(exit_code, output, errors)


class _Watch(asyncio.SubprocessProtocol):
    """Keeps the last bytes a program writes. (asyncio's `Process.wait` would wait for the pipes as well.)"""

    def __init__(self, kept_bytes: int):
        self.kept = {1: bytearray(), 2: bytearray()}
        self.exited, self.closed = asyncio.Event(), asyncio.Event()
        self._most = kept_bytes

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self.kept[fd]
        kept += data
        if len(kept) > self._most:
            del kept[: -self._most]

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
