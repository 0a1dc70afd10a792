"""Algebra on answers, in a killable process (the extra `math`)."""

from __future__ import annotations

import itertools

import pytest

from outlay.answers import _symbolic, math
from outlay.errors import MissingExtra
from outlay.sandbox.killable import WorkerKilled, Workers


def test_numbers_need_no_algebra(monkeypatch):
    monkeypatch.setattr(_symbolic, "parse", None)
    assert _symbolic.group(["0.5", "7", "\\frac{1}{2}"]) == [0, 1, 0]
    with pytest.raises(MissingExtra, match=r"outlay\[math\]"):
        _symbolic.same("x+1", "1+x")


def test_classes_do_not_depend_on_order():
    pytest.importorskip("math_verify")
    values = ["x+1", "\\frac{2x+2}{2}", "2", "x-1"]
    for order in itertools.permutations(range(4)):
        numbers = dict(zip(order, _symbolic.group([values[i] for i in order]), strict=True))
        assert numbers[0] == numbers[1]
        assert len(set(numbers.values())) == 3


async def test_classes_and_equality_through_a_worker():
    pytest.importorskip("math_verify")
    async with Workers(size=1) as workers:
        classes = await workers.call(math.classes_in_worker, ["x+1", "nonsense \\", "1+x"], timeout_s=20)
        assert classes == [0, 1, 0]
        assert await workers.call(math.equal_in_worker, "\\sqrt{8}", "2\\sqrt{2}", timeout_s=20)
        assert not await workers.call(math.equal_in_worker, "\\sqrt{8}", "2\\sqrt{3}", timeout_s=20)


async def test_an_endless_expression_is_killed():
    pytest.importorskip("math_verify")
    async with Workers(size=1) as workers:
        await workers.call(math.equal_in_worker, "1", "1", timeout_s=20)
        with pytest.raises(WorkerKilled):
            await workers.call(math.equal_in_worker, "9^{9^{9^{9}}}", "9^{9^{9^{8}}}+x", timeout_s=0.5)
        assert await workers.call(math.equal_in_worker, "1+x", "x+1", timeout_s=20)
