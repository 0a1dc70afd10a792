"""The one writer of the ledger: what waits is committed in groups, by a thread of its own.

Callers hand over operations; those of one step of the event loop wake the thread once, and it drains what is waiting
into one transaction, so sixty-four callers share one commit. While hardly anything is under way there is nothing to
share: then a step is committed on the event loop itself, because waking a thread and being woken by it takes longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from outlay.errors import StoreError, UsageError
from outlay.store.commits import UNWRITABLE, Commits, refuse, resolve
from outlay.store.faults import sentence

GROUP = 512
"""About the most operations in one commit."""

FEW = 2
"""With fewer calls than that under way, its own apart, a step is committed on the event loop."""
FEW_OPERATIONS = 16
RUN = 200
"""After so many of those the thread makes one, and with it the log's checkpoint, which waits for the disk."""
_END = object()


class Writer:
    """Commits what it is handed, in order; used from one event loop."""

    def __init__(self, path: str, db: sqlite3.Connection, lease_id: str):
        self._commits = Commits(path, db, lease_id)
        self._ops: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._step: list[Any] = []
        """What was handed over in this step of the event loop."""
        self._woken = self._early = False
        """Whether this step is looked at when it is over, and whether a part of it was committed already."""
        self.under_way = 0
        """Calls that are reserved and not settled."""
        self._given = self._done = 0
        """Operations that the thread was given, and those it is done with: it is idle where they are equal."""
        self._run = 0
        self._thread = threading.Thread(target=self._write, name="outlay-ledger", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it was not stopped yet."""
        return self._thread.is_alive()

    def hand_over(self, *statements: tuple[str, Sequence[Any]]) -> None:
        """Have statements with their values committed together, soon and in order."""
        self._give((statements, None))

    async def do(self, statement: str, values: Sequence[Any]) -> None:
        """Return once the statement is committed.

        Raises:
            StoreError: this commit failed, or what was handed over before it cannot be committed.
        """
        future = self._loop.create_future()
        self._give((((statement, values),), future))
        self._at_once()
        await future

    async def within(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `work` returns on the connection, in one commit with others, after everything handed over before it.

        It may be done on the event loop, so `work` takes microseconds; what may take longer is for `run`.
        `work` returns a refusal and does not raise it: what fails here fails for everybody in the commit.

        Raises:
            StoreError: this commit failed, or what was handed over before it cannot be committed.
        """
        future = self._loop.create_future()
        self._give((work, future))
        self._at_once()
        return await future

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `work` returns on the connection, in its own transaction, after everything handed over before it.

        Raises:
            StoreError: this transaction failed, or what was handed over before it cannot be committed.
            UsageError: `work` raised it; nothing was written.
        """
        future = self._loop.create_future()

        def alone(db: sqlite3.Connection, failure: StoreError | None) -> None:
            if failure is not None:
                self._loop.call_soon_threadsafe(refuse, [future], failure)
                return
            try:
                db.execute("BEGIN IMMEDIATE")
                result = work(db)
                db.execute("COMMIT")
            except (*UNWRITABLE, UsageError) as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                plain = error if isinstance(error, UsageError) else sentence(self._commits.path, error)
                self._loop.call_soon_threadsafe(refuse, [future], plain)
            else:
                self._loop.call_soon_threadsafe(resolve, [future], result)

        self._give(alone)
        return await future

    async def stop(self) -> None:
        """Commit what is waiting, end the thread and close the connection."""
        self._give(_END)
        await asyncio.to_thread(self._thread.join)
        self._commits.db.close()

    def _give(self, op: Any) -> None:
        """Hand over with everything else of this step of the loop: waking the thread costs more than an operation."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._wake)
        self._step.append(op)

    def _at_once(self) -> None:
        """Commit what was handed over, if that may be here; what follows in this step of the loop is a group."""
        if not self._early:
            self._early = self._committed_here()

    def _wake(self) -> None:
        self._woken = self._early = False
        if not self._step or self._committed_here():
            return
        step, self._step = self._step, []
        self._given += len(step)
        self._ops.put(step)

    def _committed_here(self) -> bool:
        """Whether this step was committed now, on the event loop."""
        if not self._may_be_here(self._step) or not self._begun_here():
            return False
        step, self._step = self._step, []
        self._commits.commit(step, _now, begun=True)
        return True

    def _may_be_here(self, step: list[Any]) -> bool:
        """Whether a step may be committed on the event loop: nothing else is, and nothing of it may take long."""
        return (
            self.under_way - len(step) < FEW
            and self._given == self._done
            and self._run < RUN
            and not self._commits.waits
            and not self._commits.owed
            and len(step) <= FEW_OPERATIONS
            and all(isinstance(op, tuple) for op in step)
            and self.under_way - sum(op[1] is not None for op in step) < FEW
        )

    def _begun_here(self) -> bool:
        if not self._run:
            self._commits.checkpoint_by_itself(False)
        self._run += 1
        return self._commits.begun_at_once()

    def _write(self) -> None:
        """The writer thread: take what waits, commit it as one group, wake those who waited for it."""
        while self._written(self._taken()):
            pass

    def _written(self, taken: list[Any]) -> bool:
        """Commit what was taken; whether more may come."""
        commits, tell = self._commits, self._loop.call_soon_threadsafe
        group: list[Any] = []
        told: list[tuple[Any, ...]] = []
        if self._run:
            self._run = 0
            commits.checkpoint_by_itself(True)
        for op in taken:
            if isinstance(op, tuple):
                group.append(op)
                continue
            failure = commits.commit(group, tell)
            group = []
            if op is _END:
                return False
            op(commits.db, failure)
        commits.commit(group, lambda *call: told.append(call))
        # Before anybody goes on who waited: the next step need not come here again.
        self._done += len(taken)
        for call in told:
            tell(*call)
        return True

    def _taken(self) -> list[Any]:
        """Everything that waits, at least one operation and about as many as one commit may have."""
        taken: list[Any] = self._ops.get()
        with contextlib.suppress(queue.Empty):
            while len(taken) < GROUP:
                taken = taken + self._ops.get_nowait()
        return taken


def _now(function: Callable[..., None], *arguments: Any) -> None:
    function(*arguments)
