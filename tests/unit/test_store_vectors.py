"""Demonstrations in the store: exact search, one a source, windows, bounds, deletion, and two who share a file."""

import numpy as np
import pytest
from memories import found, leave, solved, vector

from outlay.errors import UsageError
from outlay.store.protocol import Feedback
from outlay.store.sqlite import Sqlite
from outlay.store.vectors import Index


@pytest.fixture(params=["memory", "file"])
async def store(request, tmp_path):
    opened = await Sqlite.open(":memory:" if request.param == "memory" else tmp_path / "l.db")
    yield opened
    await opened.close()


@pytest.mark.parametrize("k", [1, 8, 64])
@pytest.mark.parametrize("sources", [10, 400])
def test_the_search_is_that_of_a_sort_over_everything(k, sources):
    rng = np.random.default_rng(k * sources)
    matrix_ND = rng.standard_normal((400, 12)).astype(np.float32)
    matrix_ND[5] = matrix_ND[6]
    index = Index("t", "s")
    rows = [(i + 1, f"i{i}", f"s{i % sources}", matrix_ND[i].tobytes()) for i in range(400)]
    index.append(rows[:150])
    index.append(rows[150:])
    for query_D in rng.standard_normal((5, 12)).astype(np.float32):
        score = matrix_ND @ query_D
        best = {}
        for i in sorted(range(400), key=lambda i: (-score[i], i)):
            best.setdefault(i % sources, i)
        best.pop(3)
        expected = [(f"i{i}", pytest.approx(float(score[i]), abs=1e-5)) for i in list(best.values())[:k]]
        assert index.nearest(query_D, k, but="s3") == expected


@pytest.mark.parametrize("query", [[1.0], [1.0, 2.0, 3.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_a_query_of_another_length_or_not_finite_is_refused(query):
    index = Index("t", "s")
    index.append([(1, "a", "a", vector(1, 0))])
    with pytest.raises(UsageError, match="query"):
        index.nearest(np.array(query, np.float32), 1)


async def test_what_is_kept_is_found_nearest_first_and_kept_once(store):
    assert await found(store, vector(1, 0)) == []
    await leave(store, solved("a", 1, 0), solved("b", 0, 1), solved("c", 0.8, 0.6))
    await leave(store, solved("a", 1, 0, reasoning="another"))
    assert await found(store, vector(1, 0)) == ["a", "c", "b"]
    assert await found(store, vector(0, 1), 1) == ["b"]
    assert await found(store, vector(1, 0), but="a") == ["c", "b"]
    assert await found(store, vector(1, 0), space="other") == []
    (first, *_), *_ = await store.nearest("local", "s", vector(1, 0), 1)
    assert (first["goal"], first["reasoning"], first["score"]) == ("question a", "solution a", 1.0)


async def test_an_episode_is_found_once_with_the_steps_around_the_hit(store):
    steps = [
        solved(f"e{i}", *(1 if i == j else 0.1 for j in range(4)), source="e", position=i) for i in range(4)
    ]
    await leave(store, *steps, solved("other", 0.2, 0.2, 0.2, 0.2))
    assert await found(store, vector(0, 0, 1, 0), window=1) == ["e1", "e2", "e3", "other"]
    assert await found(store, vector(1, 0, 0, 0), 1, window=1) == ["e0", "e1"]


async def test_growth_is_bounded_and_the_oldest_tenth_goes(store):
    for i in range(45):
        await leave(store, solved(f"d{i}", 1, i), most=20)
        assert len(await store.demonstrations("local")) <= 20
    kept = {d["action"] for d in await store.demonstrations("local")}
    assert kept == set(await found(store, vector(0, 1), 100))
    assert kept == {f"d{i}" for i in range(45 - len(kept), 45)}


async def test_what_is_deleted_is_not_found_and_may_come_again(store):
    await leave(store, solved("a", 1, 0), solved("b", 0, 1), solved("c", 1, 1, space="t"))
    assert await found(store, vector(1, 0)) == ["a", "b"]
    assert await store.forget_demonstrations("local", source="a") == 1
    assert await found(store, vector(1, 0)) == ["b"]
    assert await store.forget_demonstrations("stranger") == 0
    assert await store.forget_demonstrations("local") == 2
    assert await found(store, vector(1, 0)) == []
    await leave(store, solved("a", 1, 0))
    assert await found(store, vector(1, 0)) == ["a"]


async def test_copies_of_spaces_are_bounded_and_those_dropped_are_read_again(store, monkeypatch):
    monkeypatch.setattr("outlay.store.sqlite_memory.HELD_SPACES", 3)
    for i in range(6):
        await leave(store, solved(f"a{i}", 1, i, space=f"s{i}"))
        assert await found(store, vector(1, 0), space=f"s{i}") == [f"a{i}"]
    assert len(store._searcher._spaces) == 3
    assert await found(store, vector(1, 0), space="s0") == ["a0"]
    monkeypatch.setattr("outlay.store.sqlite_memory.HELD_BYTES", 0)
    assert await found(store, vector(1, 0), space="s1") == ["a1"]
    assert len(store._searcher._spaces) == 1


async def test_two_processes_see_what_the_other_keeps_and_deletes(tmp_path):
    one, two = await Sqlite.open(tmp_path / "l.db"), await Sqlite.open(tmp_path / "l.db")
    await leave(one, solved("a", 1, 0))
    assert await found(two, vector(1, 0)) == ["a"]
    await leave(two, solved("b", 0.9, 0))
    assert await found(one, vector(1, 0)) == ["a", "b"]
    await two.forget_demonstrations("local", source="a")
    assert await found(one, vector(1, 0)) == ["b"]
    await one.close()
    await two.close()


async def test_the_steps_of_a_cascade_are_read_in_order_and_bounded(store, monkeypatch):
    monkeypatch.setattr("outlay.store.demonstrations.MOST_STEPS", 5)
    for i in range(8):
        await leave(store, steps=[("x", "agreed", i, None), ("y", "deferred", i, 2 * i)])
    assert await store.cascade_steps("local", "x", limit=3) == [("agreed", i, None) for i in (5, 6, 7)]
    assert len(await store.cascade_steps("local", "y", limit=100)) == 5
    assert await store.cascade_steps("stranger", "x", limit=3) == []


async def test_audits_outlive_the_steps_between_them_and_are_bounded_too(store, monkeypatch):
    monkeypatch.setattr("outlay.store.demonstrations.MOST_STEPS", 3)
    monkeypatch.setattr("outlay.store.demonstrations.MOST_AUDITS", 4)
    outcomes = ["matched", "differed"] + ["agreed"] * 6 + ["matched", "agreed", "differed"]
    for i, outcome in enumerate(outcomes):
        await leave(store, steps=[("x", outcome, i, None), ("y", "matched", i, None)])
    audits = await store.cascade_steps("local", "x", limit=100, audited=True)
    assert [(a[0], a[1]) for a in audits] == [("matched", 0), ("differed", 1), ("matched", 8), ("differed", 10)]
    assert len(await store.cascade_steps("local", "x", limit=100)) == 5
    assert [a[1] for a in await store.cascade_steps("local", "y", limit=100)] == [7, 8, 9, 10]


async def test_an_answer_and_what_it_leaves_are_committed_together(store):
    await leave(store, solved("a", 1, 0))
    (kept,) = await store.demonstrations("local")
    assert await store.trace(kept["trace_id"], tenant="local") == ""


@pytest.mark.parametrize(("score", "left"), [(0.0, []), (0.49, []), (0.5, ["a"]), (1.0, ["a"])])
async def test_an_answer_that_was_found_wrong_is_no_example_any_more(store, score, left):
    await leave(store, solved("a", 1, 0))
    (kept,) = await store.demonstrations("local")
    await leave(store, solved("b", 0, 1))
    for tenant in ("stranger", "local"):
        verdict = Feedback(store.new_id("feedback"), kept["trace_id"], tenant, None, score, "", 8)
        told = await store.add_feedback(verdict)
        assert told == (None if tenant == "stranger" else 1 - len(left))
    assert await found(store, vector(1, 0)) == [*left, "b"]
    assert {d["action"] for d in await store.demonstrations("local")} == {*left, "b"}
