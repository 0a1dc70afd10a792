"""The parent's side of a local model: starts the child process, watches it, shares it and stops it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from outlay import config
from outlay.errors import MissingExtra, Unreachable
from outlay.models.local_server import Failed, Ready, Settings

TAIL_CHARS = 400


class LocalProcess:
    """One server process for one model file, shared by every provider of this process that asks for the same.

    It belongs to no event loop: its methods block and are called in threads. `url` and `api_key` change with
    every start. A server that dies is started again by the next `ensure`, once for every reply that it gave:
    a model that kills its server each time is not started for ever.
    """

    def __init__(self, path: Path, slots: int, context_tokens: int, threads: int):
        self.url = ""
        self.api_key = ""
        self.log = config.home() / "logs" / f"local-{path.stem}-{os.getpid()}-{secrets.token_hex(3)}.log"
        self._settings = Settings(str(path), slots, context_tokens, threads, "")
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._starts_left = 2
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process id of the server that runs, or None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def core_s(self) -> float:
        """Processor time that the server has used, in seconds; time · threads where nothing says."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return time.monotonic() * self._settings.threads
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ensure(self) -> None:
        """Returns when the server is ready, having started it if it was not there.

        Raises:
            MissingExtra: xllamacpp is not installed.
            Unreachable: it does not start, or died twice without a reply in between.
        """
        with self._starting:
            if self.pid is not None:
                return
            if self._starts_left == 0:
                why = f"{self._died()} It died twice in a row and is not started again."
                raise Unreachable(why, fatal=True)
            self._starts_left -= 1
            self._start()

    def replied(self) -> None:
        """Notes that the server gave a whole reply: should it die, it may be started once more."""
        self._starts_left = 1

    def death(self, wait_s: float = 1.0) -> str | None:
        """A sentence about the server's death with the end of its log, or None when it lives.

        Args:
            wait_s: connections break a moment before the process can be seen to be gone; how long to look.
        """
        if self._process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=wait_s)
        return None if self._process.returncode is None else self._died()

    def stop(self) -> None:
        """Ends the server and waits for its end; the log of one that did not die by itself is removed."""
        self._stopped = True
        process = self._process
        if process is None:
            return
        died = process.poll() is not None
        process.kill()
        process.wait()
        self._close_pipes()
        if not died:
            self.log.unlink(missing_ok=True)

    def _start(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtra('Local models need xllamacpp; run: pip install "outlay[local]"')
        if self._stopped:
            raise Unreachable("The local model was closed.", fatal=True)
        self._close_pipes()
        self.api_key = secrets.token_urlsafe(24)
        settings = msgspec.structs.replace(self._settings, api_key=self.api_key)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            # Its own session: Ctrl-C is for outlay, which settles what is in flight before it stops the server.
            process = subprocess.Popen(
                [sys.executable, "-m", "outlay.models.local_server"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._process = process
        if self._stopped:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            # stdin stays open: its end is how the child learns that this process is gone.
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            process.stdin.flush()
        self._greet(process.stdout.readline())

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout) if self._process else ():
            if pipe is not None:
                pipe.close()

    def _greet(self, line: bytes) -> None:
        name = Path(self._settings.path).name
        if not line:
            raise Unreachable(self.death() or f"The local model {name} did not start.", fatal=True)
        answer = msgspec.json.decode(line, type=Ready | Failed)
        if isinstance(answer, Failed):
            raise Unreachable(
                f"llama.cpp cannot load {name} ({answer.why}); is it a whole GGUF model file? {self._tail()}",
                fatal=True,
            )
        self.url = answer.url

    def _died(self) -> str:
        code = self._process.returncode if self._process else None
        name = Path(self._settings.path).stem
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
        hint = " (out of memory?)" if code == -9 else ""
        return f"The server of the local model {name} {how}{hint}.{self._tail()}"

    def _tail(self) -> str:
        try:
            said = " ".join(self.log.read_text("utf-8", "replace")[-TAIL_CHARS:].split())
        except OSError:
            said = ""
        return f" Its log {self.log} ends: {said}" if said else f" Its log is {self.log}."


_shared: dict[tuple[Path, int, int, int], tuple[LocalProcess, int]] = {}
_sharing = threading.Lock()


def lease(path: Path, slots: int, context_tokens: int, threads: int) -> LocalProcess:
    """The server of a file with these settings; it is stopped when the last who leased it has released it."""
    key = (path, slots, context_tokens, threads)
    with _sharing:
        process, users = _shared.get(key) or (LocalProcess(*key), 0)
        _shared[key] = (process, users + 1)
    return process


def release(process: LocalProcess) -> None:
    """Gives a leased server back."""
    with _sharing:
        key, users = next((k, users) for k, (p, users) in _shared.items() if p is process)
        if users > 1:
            _shared[key] = (process, users - 1)
            return
        del _shared[key]
    process.stop()
