"""Listening: on this machine for everybody, beyond it only with keys; and an end that settles what runs."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from outlay import config as configuration
from outlay.config import Config
from outlay.errors import OutlayError, UsageError
from outlay.gateway.joined_writes import JoinedWrites
from outlay.store.sqlite import Sqlite

KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than clients keep theirs, or they would send on one that just closed."""
DRAIN_S = 30
"""How long requests in flight may go on once the server is asked to end; then they are cancelled and settled."""


async def refuse_open_door(host: str, config: Config) -> None:
    """Refuse to listen beyond this machine while nobody needs a key.

    Raises:
        UsageError: it would be open to everybody.
    """
    if is_loopback(host):
        return
    ledger = await Sqlite.open(configuration.database(), durability=config.durability)
    try:
        keys = await ledger.any_key()
    finally:
        await ledger.close()
    if not keys:
        raise UsageError(
            f"Listening on {host} would let everybody spend; make a key first (outlay keys create), or listen on "
            f"127.0.0.1."
        )


@contextlib.contextmanager
def alone(ledger: Path) -> Iterator[None]:
    """Hold a ledger's file as the one gateway on it; commands go on sharing it.

    The kernel lets go of it when the process ends, however that is.

    Raises:
        OutlayError: another gateway serves from it.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.with_name(ledger.name + ".gateway").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutlayError(
                f"Another gateway serves from the ledger {ledger}; stop it, or give this one another OUTLAY_HOME."
            ) from None
        yield


def is_loopback(host: str) -> bool:
    """Whether an address, or every address of a name, is this machine's own.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(address)).is_loopback for address in found)


def run(application: Starlette, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; then no more requests are taken, what runs may end, and everything is settled.

    Raises:
        OutlayError: the address cannot be listened on.
    """
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    settings = uvicorn.Config(
        application,
        http=JoinedWrites,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        # Who is on this machine is told by the connection; a header could be written by anybody.
        proxy_headers=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(settings, f"http://{shown}:{listening.getsockname()[1]}/v1")
    # The signal that ended the server was meant for it, and it has ended in good order.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    if not server.started:
        raise OutlayError("The server could not start; its log says why.")


class _Server(uvicorn.Server):
    """Says where it listens once it does, and that it is about to end."""

    def __init__(self, settings: uvicorn.Config, address: str):
        super().__init__(settings)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        _spare_the_collector()
        if self.started:
            sys.stderr.write(f"outlay serves at {self._address}\n")
            sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the application first: it is no longer ready."""
        self.config.app.state.gateway.draining = True  # type: ignore[union-attr]
        await super().shutdown(sockets)


def _spare_the_collector() -> None:
    """Have the garbage collector look neither at what stays anyway nor after every few requests.

    Reference counts free what requests leave; only cycles wait for the collector, and few are made.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Bound and listening before the application starts: a client that comes early waits instead of failing.
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OutlayError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
    listening.setblocking(False)
    return listening
