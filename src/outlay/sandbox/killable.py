"""Calls that may never end, in worker processes that can be killed: a time limit, a memory limit, no secrets.

For code that is trusted but slow on hostile input (symbolic mathematics). It is no cage: code that is not
trusted needs a real sandbox.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
from typing import Any

import msgspec

from outlay import errors
from outlay.errors import OutlayError

START_S = 60.0
"""The most that starting a worker and importing a target may take, in seconds."""
LARGEST_REPLY = 16_000_000
"""The largest reply that is read, in bytes."""
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class WorkerFailed(OutlayError):
    """The called function raised; the sentence carries what it said. The worker lives on."""


class WorkerKilled(OutlayError):
    """The worker went over its time or memory, or died; it has been replaced."""


class Workers:
    """A pool of worker processes, started when first needed, used by one event loop and closed once.

    Example:
        >>> async def main():
        ...     async with Workers(size=1) as workers:
        ...         return await workers.call("operator:add", 2, 3, timeout_s=5.0)
        >>> asyncio.run(main())
        5
    """

    def __init__(self, size: int = 2, memory_bytes: int = 2_000_000_000):
        """A pool of at most `size` processes with `memory_bytes` of address space each; starts nothing yet."""
        self._free = asyncio.Semaphore(size)
        self._memory_bytes = memory_bytes
        self._idle: list[asyncio.subprocess.Process] = []
        self._used: set[asyncio.subprocess.Process] = set()
        self._closed = False

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def call(self, target: str, *args: Any, timeout_s: float) -> Any:
        """What `module:function` returns for `args`, computed in a worker.

        Waiting for a free worker, starting it and importing the module do not count against `timeout_s`.
        Cancelling the call kills the worker.

        Args:
            target: the function, importable by path.
            args: anything MessagePack carries.
            timeout_s: seconds of wall-clock time from the moment the function is called.

        Raises:
            WorkerFailed: the function raised (an error of outlay's own comes through as itself).
            WorkerKilled: over time or memory, or the process died.
        """
        frame = msgspec.msgpack.encode({"target": target, "args": args, "timeout_s": timeout_s})
        async with self._free:
            if self._closed:
                raise WorkerKilled("The workers are closed; open a new pool.")
            worker = self._idle.pop() if self._idle else await self._start()
            self._used.add(worker)
            keep = False
            try:
                reply = await _exchange(worker, frame, target, timeout_s)
                keep = "memory" not in reply
            finally:
                self._used.discard(worker)
                if keep and not self._closed:
                    self._idle.append(worker)
                else:
                    await _end(worker)
        return _result(reply, target)

    async def close(self) -> None:
        """Kill every worker, busy or idle; calls in flight end with `WorkerKilled`."""
        self._closed = True
        idle, self._idle = self._idle, []
        for worker in idle:
            await _end(worker)
        for worker in list(self._used):
            _kill(worker)

    async def _start(self) -> asyncio.subprocess.Process:
        code = f"from outlay.sandbox._killable_worker import serve; serve({int(self._memory_bytes)})"
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", code,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )  # fmt: skip


async def _exchange(
    worker: asyncio.subprocess.Process, frame: bytes, target: str, timeout_s: float
) -> dict[str, Any]:
    assert worker.stdin is not None
    limit_s, doing = START_S, "import"
    try:
        async with asyncio.timeout(START_S):
            worker.stdin.write(struct.pack(">I", len(frame)) + frame)
            await worker.stdin.drain()
            reply = await _read(worker)
        if "ready" not in reply:
            return reply
        limit_s, doing = timeout_s, "run"
        async with asyncio.timeout(timeout_s):
            return await _read(worker)
    except TimeoutError:
        raise WorkerKilled(f"{target} did not {doing} within {limit_s:g} s and was stopped.") from None
    except (asyncio.IncompleteReadError, ConnectionError):
        raise WorkerKilled(
            f"The process that was to {doing} {target} died; it may have run out of memory."
        ) from None


async def _read(worker: asyncio.subprocess.Process) -> dict[str, Any]:
    assert worker.stdout is not None
    (size,) = struct.unpack(">I", await worker.stdout.readexactly(4))
    if size > LARGEST_REPLY:
        raise WorkerKilled(f"A worker replied with {size} bytes; the most is {LARGEST_REPLY}.")
    return msgspec.msgpack.decode(await worker.stdout.readexactly(size))


def _result(reply: dict[str, Any], target: str) -> Any:
    if "memory" in reply:
        raise WorkerKilled(f"{target} needed more memory than it may use and was stopped.")
    if "error" not in reply:
        return reply["value"]
    if reply["module"] == errors.__name__:
        raise getattr(errors, reply["error"], WorkerFailed)(reply["text"])
    raise WorkerFailed(f"{target} failed with {reply['error']}: {reply['text']}")


def _kill(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        try:
            os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


async def _end(worker: asyncio.subprocess.Process) -> None:
    _kill(worker)
    await worker.wait()
    if worker.stdin is not None:
        worker.stdin.close()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONDONTWRITEBYTECODE": "1"}
