"""A question with its key, and the rule that says how right an answer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, overload

from msgspec import Struct

from outlay import plugins
from outlay.errors import UsageError
from outlay.sandbox.killable import WorkerFailed, WorkerKilled
from outlay.types import Question

CORRECT = 1.0
"""An answer is right when its score reaches this; partial credit is kept, but counts as wrong."""
JUDGE_S = 10.0
"""The most that one comparison in a worker may take, in seconds."""

Scorer = Callable[["Item", str | None, str], float]
"""The item, the extracted answer (or None) and the whole completion give a number in [0, 1]."""


def by_kind(item: Item, value: str | None, text: str) -> float:
    """1 where the answer equals the reference under the question's answer kind, else 0.

    Without an answer kind the whole completion is compared, as text.
    """
    if item.reference is None:
        raise UsageError(
            f"Question {item.question.id} has no reference answer; add `answer` to have it scored."
        )
    kind = plugins.load("answer kind", item.question.kind or "text")
    given = kind.extract(text) if item.question.kind is None else value
    return float(given is not None and kind.equal(given, item.reference))


class Item(Struct, frozen=True):
    """A question, its reference answer and its scorer. No strategy ever sees an item, only its question.

    `tests` are Python assertions for a question that asks for code: whoever scores it runs them in the
    sandbox, since `score` executes nothing. `in_worker` names a function and its last arguments for what only
    a killable process may compare.
    """

    question: Question
    reference: str | None = None
    tests: str = ""
    scorer: Scorer = by_kind
    in_worker: tuple[str, tuple[Any, ...]] | None = None

    def score(self, value: str | None, text: str) -> float:
        """How right an answer is, in [0, 1], as far as that can be told in this process; `CORRECT` is right.

        Args:
            value: the answer extracted under the question's kind, or None.
            text: the whole completion.

        Raises:
            UsageError: there is no reference answer.
        """
        return min(max(self.scorer(self, value, text), 0.0), 1.0)

    async def judge(self, value: str | None, text: str, call: Callable[..., Awaitable[Any]]) -> float:
        """How right an answer is, in [0, 1], with a worker's help where that needs algebra or foreign code.

        An answer on which the comparison fails, or goes over its time or memory, is wrong.

        Args:
            value: the answer extracted under the question's kind, or None.
            text: the whole completion.
            call: `Workers.call`, or anything with its signature.

        Raises:
            UsageError: there is no reference answer.
            MissingExtra: the comparison needs a package that is not installed.
        """
        score = self.score(value, text)
        if score >= CORRECT or value is None or self.in_worker is None:
            return score
        target, arguments = self.in_worker
        try:
            return min(max(float(await call(target, value, *arguments, timeout_s=JUDGE_S)), 0.0), 1.0)
        except (WorkerKilled, WorkerFailed):
            return 0.0


class Task(Struct, frozen=True):
    """Items in a fixed order under the name that a user wrote; ids are unique whatever the number of items."""

    name: str
    items: tuple[Item, ...]

    @property
    def kind(self) -> str | None:
        """The answer kind that all questions share, or None where they differ or have none."""
        kinds = {item.question.kind for item in self.items}
        return kinds.pop() if len(kinds) == 1 else None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self.items[index]


def item(question: Question, reference: str | None, *, tests: str = "") -> Item:
    """The item that is scored by its question's answer kind, in a worker too where the kind offers that."""
    kind = plugins.load("answer kind", question.kind or "text")
    target = getattr(kind, "equal_in_worker", None)
    in_worker = (target, (reference,)) if target is not None and reference is not None else None
    return Item(question, reference, tests, by_kind, in_worker)
