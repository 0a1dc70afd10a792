"""One program run to its end: data on stdin, output kept up to a cap, killed with its whole process group."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence

from msgspec import Struct


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
    memory. Whatever happens, also when the caller is cancelled, no process of its group is left.

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
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
        pass_fds=tuple(pass_fds),
    )
    output, errors = bytearray(), bytearray()
    exit_code: int | None = None
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            group.create_task(_write(process, stdin))
            group.create_task(_keep(process.stdout, output, kept_bytes))
            group.create_task(_keep(process.stderr, errors, kept_bytes))
            exit_code = await process.wait()
            # What the program left running holds its pipes open: it ends with the program.
            _kill(process.pid)
    except TimeoutError:
        exit_code = None
    finally:
        _kill(process.pid)
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # asyncio offers no other way to close the pipes
    return Ended(exit_code, output.decode(errors="replace"), errors.decode(errors="replace"))


async def _write(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return


async def _keep(stream: asyncio.StreamReader | None, kept: bytearray, most: int) -> None:
    assert stream is not None
    while piece := await stream.read(65_536):
        kept += piece
        if len(kept) > most:
            del kept[:-most]


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
