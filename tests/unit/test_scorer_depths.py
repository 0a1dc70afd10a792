"""A scorer's calibration by depth: the numbers, where it is kept, and what searches say of it."""

import sys
import types
from random import Random

import numpy as np
import pytest
from stepping import run_on
from toy_worlds import QUESTION, Scorer, Tree, noisy

from outlay.answering import replay
from outlay.cli import main
from outlay.errors import CannotSay, UsageError
from outlay.experiments.scorer_depths import scorer_depths
from outlay.models.scripted import scripted
from outlay.skeletons.reliability import UNKNOWN, Reliability, find, keep, path, told
from outlay.stats.depth_calibration import Depth, depth_calibration
from outlay.strategies.beam_search import beam_search
from outlay.tasks import Item
from outlay.testing import FIXED, shop
from outlay.types import Bound, Question

NEEDS = frozenset()


def bound(question):
    return Bound()


async def seeing(run, question, candidate):
    """A verifier by name that sees the steps of the toy tree as `noisy` does."""
    return await Scorer(noisy)(run, question, candidate)


async def prefix(run, question, steps):
    return await Scorer(noisy).prefix(run, question, steps)


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "toy", types.ModuleType("toy"))
    monkeypatch.setitem(sys.modules, "toy.case", sys.modules[__name__])


def model():
    return scripted(Tree(4, 0.7).script(), price=FIXED, max_n=8)


def items(n):
    return [Item(Question.of("What is 6 times 7 ?", id=f"q{i}", kind="number"), "42") for i in range(n)]


def test_the_auc_is_the_share_of_pairs_in_order():
    rng = Random(5)
    scores, right = [rng.random() for _ in range(60)], [rng.random() < 0.4 for _ in range(60)]
    (found,) = depth_calibration([3] * 60, scores, right)
    pairs = [
        (s, t)
        for s, r in zip(scores, right, strict=True)
        if r
        for t, q in zip(scores, right, strict=True)
        if not q
    ]
    assert found.auc == pytest.approx(np.mean([(s > t) + 0.5 * (s == t) for s, t in pairs]))
    assert (found.depth, found.n, found.n_right) == (3, 60, sum(right))
    assert found.low < found.auc < found.high


def test_a_perfect_scorer_a_blind_one_and_one_of_one_kind():
    perfect, blind, same = depth_calibration(
        [1] * 40 + [2] * 40 + [3] * 4,
        [0.9, 0.1] * 20 + [0.5] * 40 + [0.5] * 4,
        [1, 0] * 20 + [1, 0] * 20 + [1] * 4,
    )
    assert (perfect.auc, perfect.beats_chance) == (1.0, True)
    assert perfect.low < 1.0
    assert (blind.auc, blind.beats_chance) == (0.5, False)
    assert (same.auc, same.beats_chance, same.brier) == (None, None, 0.25)


def test_chance_is_claimed_to_be_beaten_rarely_where_it_is_not():
    """At 95 % two-sided a scorer that knows nothing passes in at most about 2.5 % of the cases."""
    rng = np.random.default_rng(3)
    passed = [
        depth_calibration([1] * 60, rng.random(60), (rng.random(60) < 0.5).astype(float))[0].beats_chance
        for _ in range(400)
    ]
    assert np.mean(passed) < 0.055


@pytest.mark.parametrize(
    "rows",
    [([], [], []), ([1], [0.5, 0.5], [1]), ([1], [float("nan")], [1]), ([1], [1.5], [1]), ([1], [0.5], [0.5])],
)
def test_nonsense_is_refused(rows):
    with pytest.raises(UsageError, match=r"calibration by depth|between 0 and 1"):
        depth_calibration(*rows)


async def test_a_seeing_scorer_beats_chance_at_every_depth_and_is_known_afterwards():
    async with shop(model()) as outlay:
        found = await scorer_depths(outlay, "toy.case:seeing", "toys", items(60), lambda q: q, n=2)
        assert [d.depth for d in found.depths] == [1, 2, 3, 4]
        assert all(d.n == 120 for d in found.depths)
        assert all(d.beats_chance for d in found.depths)
        assert found.depths[-1].auc > found.depths[0].auc
        keep(found)
        answer = await outlay.ask(QUESTION, strategy="beam_search:n=4,width=2", verifier="toy.case:seeing")
    assert answer.p_source.endswith("known on 60 questions of toys")
    assert not any("chance" in m for m in answer.missing)


async def test_a_search_says_where_its_scorer_may_have_guessed_and_replays_so():
    keep(Reliability("seeing", "scripted/scripted", "toys", 40, (
        Depth(1, 80, 40, 0.25, 0.48, 0.35, 0.61), Depth(2, 80, 40, 0.2, 0.8, 0.7, 0.9), Depth(3, 9, 9, 0.2),
    )))  # fmt: skip
    async with shop(model()) as outlay:
        answer = await outlay.ask(QUESTION, strategy="beam_search:n=4,width=2", verifier="toy.case:seeing")
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    said = "seeing is not shown to beat chance at depths 1, 3 (AUC 0.48, none on 40 questions of toys)"
    assert any(m.startswith(said) for m in answer.missing)
    path().unlink()
    again, trace = await replay(recorded)
    assert again.missing == answer.missing
    assert trace == recorded


async def test_an_unknown_scorer_is_said_to_be_unknown_and_another_model_is_another_matter():
    keep(Reliability("seeing", "another", "toys", 40, (Depth(1, 9, 4, 0.2, 0.5, 0.1, 0.9),)))
    assert find("seeing", "scripted/scripted") is None
    async with shop(model()) as outlay:
        answer = await outlay.ask(QUESTION, strategy="beam_search:n=4,width=2", verifier="toy.case:seeing")
    assert answer.p_source == UNKNOWN
    async with run_on(model(), verifier=Scorer(noisy)) as run:
        assert (await beam_search(run, QUESTION)).p_source == UNKNOWN


async def test_too_few_questions_and_chains_without_a_score_say_nothing():
    async with shop(model()) as outlay:
        with pytest.raises(CannotSay, match="7 questions say nothing"):
            await scorer_depths(outlay, "toy.case:seeing", "toys", items(7), lambda q: q)


def test_an_entry_takes_the_place_of_an_older_one_and_a_broken_file_is_said():
    for task in ("old", "new"):
        keep(Reliability("s", "m", task, 9, ()))
    assert find("s", "m").task == "new"
    path().write_text("{")
    with pytest.raises(UsageError, match="delete it and calibrate again"):
        find("s", "m")


def test_what_is_told_names_the_depths():
    beats = Depth(1, 80, 40, 0.2, 0.8, 0.7, 0.9)
    assert told(Reliability("s", "m", "t", 9, (beats,)))[1] == ""


def test_the_command_prints_the_table_and_keeps_it(capsys, monkeypatch, tmp_path):
    task = tmp_path / "toys.jsonl"
    lines = [f'{{"id": "q{i}", "question": "What is 6 times 7 ?", "answer": "42"}}' for i in range(24)]
    task.write_text("\n".join(lines))
    wanted = ["--model", "toy.case:model", "--kind", "number", "--questions", "24", "--n", "4"]
    assert main(["scorer", "toy.case:seeing", "--task", str(task), *wanted]) == 0
    out = capsys.readouterr().out
    assert "seeing on 24 questions of " in out
    assert len([line for line in out.splitlines() if line.strip().startswith(("1 ", "2 ", "3 ", "4 "))]) == 4
    assert str(path()) in out
    assert find("seeing", "scripted/scripted").questions == 24
