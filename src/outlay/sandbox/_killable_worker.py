"""The other side of `killable`: one process that runs one call after the other until its input ends.

Messages are MessagePack after a 4-byte big-endian length. For each call it answers twice: once when the
target is imported (the caller's clock starts then), and once with the result.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec


def serve(memory_bytes: int) -> None:
    """Answer calls from stdin on stdout within `memory_bytes` of address space, until stdin ends.

    What the called code prints is thrown away. A worker whose caller died ends by itself: at the end of
    stdin, or a second after its call's time is over (SIGALRM, whose default action no Python code can delay).
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    calls = sys.stdin.buffer
    while (frame := _read(calls)) is not None:
        call = msgspec.msgpack.decode(frame)
        reply = _outcome(lambda call=call: _imported(call["target"]))
        function = reply.pop("value", None)
        _write(replies, reply or {"ready": True})
        if function is None:
            continue
        signal.setitimer(signal.ITIMER_REAL, call["timeout_s"] + 1.0)
        reply = _outcome(lambda function=function, call=call: function(*call["args"]))
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        _write(replies, reply)


def _outcome(step: Callable[[], Any]) -> dict[str, Any]:
    # The boundary of a process: whatever the called code raises must reach the caller as data.
    try:
        return {"value": step()}
    except MemoryError:
        return {"memory": True}
    except Exception as error:
        return {"error": type(error).__name__, "module": type(error).__module__, "text": str(error)[:1000]}


def _imported(target: str) -> Any:
    module, _, attribute = target.partition(":")
    found = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(4)
    if len(head) < 4:
        return None
    return source.read(struct.unpack(">I", head)[0])


def _write(sink: BinaryIO, reply: dict[str, Any]) -> None:
    try:
        body = msgspec.msgpack.encode(reply)
    except TypeError as error:
        body = msgspec.msgpack.encode({"error": "TypeError", "module": "builtins", "text": str(error)[:1000]})
    sink.write(struct.pack(">I", len(body)) + body)
    sink.flush()
