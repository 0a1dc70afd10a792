"""Small Python functions to write, each with tests (answer kind: code)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from outlay.tasks._generate import Made, generate
from outlay.tasks._item import Task

Family = tuple[str, str, Callable[[int], Callable[[list[int]], Any]]]

_FAMILIES: tuple[Family, ...] = (
    (
        "the sum of those elements of `xs` that are divisible by {k}",
        "return sum(x for x in xs if x % {k} == 0)",
        lambda k: lambda xs: sum(x for x in xs if x % k == 0),
    ),
    (
        "the list of every {k}th element of `xs`, starting with the first one",
        "return xs[::{k}]",
        lambda k: lambda xs: xs[::k],
    ),
    (
        "the number of elements of `xs` that are greater than {k}",
        "return sum(1 for x in xs if x > {k})",
        lambda k: lambda xs: sum(1 for x in xs if x > k),
    ),
    (
        "the list of elements of `xs` without those whose absolute value is below {k}, in reverse order",
        "return [x for x in reversed(xs) if abs(x) >= {k}]",
        lambda k: lambda xs: [x for x in reversed(xs) if abs(x) >= k],
    ),
    (
        "the list `xs` rotated to the left by {k} places (an empty list stays empty)",
        "return xs[{k} % len(xs):] + xs[:{k} % len(xs)] if xs else []",
        lambda k: lambda xs: xs[k % len(xs) :] + xs[: k % len(xs)] if xs else [],
    ),
    (
        "the largest sum of {k} neighbouring elements of `xs`, or 0 if there are fewer than {k}",
        "return max((sum(xs[i:i + {k}]) for i in range(len(xs) - {k} + 1)), default=0)",
        lambda k: lambda xs: max((sum(xs[i : i + k]) for i in range(len(xs) - k + 1)), default=0),
    ),
    (
        "the sorted list of the distinct values of x modulo {k}, for x in `xs`",
        "return sorted({{x % {k} for x in xs}})",
        lambda k: lambda xs: sorted({x % k for x in xs}),
    ),
    (
        "the index of the first element of `xs` that is at least {k}, or -1 if there is none",
        "return next((i for i, x in enumerate(xs) if x >= {k}), -1)",
        lambda k: lambda xs: next((i for i, x in enumerate(xs) if x >= k), -1),
    ),
)


def python_function(questions: int, seed: int) -> Task:
    """Questions that ask for `solve(xs)` on a list of integers, with six assertions each in `Item.tests`.

    One of eight families, with a constant from 2 to 7. The tests hold an empty list and lists of 1 to 9
    elements between -20 and 20. Whether code is right is for its tests to say, in the sandbox; `Item.score`
    knows only the reference solution, since it executes nothing.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.

    Example:
        >>> python_function(1, 0)[0].tests.count("assert")
        6
    """
    return generate("python_function", "code", questions, seed, _make)


def _make(random: Random) -> Made:
    wanted, body, solver = random.choice(_FAMILIES)
    k = random.randint(2, 7)
    inputs = [[], *([random.randint(-20, 20) for _ in range(random.randint(1, 9))] for _ in range(5))]
    tests = "\n".join(f"assert solve({xs!r}) == {solver(k)(list(xs))!r}" for xs in inputs)
    text = (
        f"Write a Python function `solve(xs)` that takes a list of integers and returns {wanted.format(k=k)}."
    )
    return text, f"def solve(xs):\n    {body.format(k=k)}", tests
