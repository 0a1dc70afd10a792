"""Identities of the particle filter: shares, limits, an unbiased evidence, and the reference of particle Gibbs."""

from collections import Counter
from dataclasses import dataclass, field
from math import exp, isclose
from random import Random

import pytest

from outlay.errors import UsageError
from outlay.skeletons.chain import Chain
from outlay.skeletons.particles import Rule, sweep
from outlay.stats.resampling import effective_sample_size, logit, multinomial, softmax, systematic
from outlay.types import Usage


@dataclass
class World:
    """A population without a model: `child` says the next step of a chain, its score, and whether it ends it."""

    child: object
    seed: int = 0
    grown: list[str] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    def __post_init__(self):
        self.run, self._draws = self, Random(self.seed)

    def rng(self, label):
        return Random(f"{self.seed} {label}")

    def emit(self, event, **fields):
        self.sizes.append(fields["effective_sample_size"])

    async def grow(self, parents):
        self.grown += [p.text for p in parents]
        return [[self._grown(p)] for p in parents]

    def _grown(self, parent):
        text, score, ended = self.child(parent, self._draws)
        why = "the model ended it" if ended else ""
        steps, scores = (*parent.steps, text), (*parent.scores, score)
        return Chain(steps, scores, (*parent.usages, Usage(1, 1)), why, ended)


def test_shares_are_the_odds_over_their_sum():
    scores = [0.2, 0.5, 0.9, 0.5]
    odds = [r / (1 - r) for r in scores]
    assert softmax([logit(r) for r in scores]) == pytest.approx([o / sum(odds) for o in odds])


def test_a_cold_weight_is_the_argmax_and_a_hot_one_no_selection():
    weights = [logit(r) for r in (0.2, 0.9, 0.5)]
    assert softmax(weights, temperature=1e-3) == pytest.approx([0, 1, 0])
    assert softmax(weights, temperature=1e9) == pytest.approx([1 / 3] * 3)


def test_a_score_of_one_does_not_take_everything_and_no_weight_is_said():
    assert logit(1.0) == pytest.approx(16.118, abs=1e-3)
    assert logit(0.0) == pytest.approx(-logit(1.0))
    with pytest.raises(UsageError, match="No particle has any weight"):
        softmax([float("-inf")])


def test_equal_scores_resample_uniformly():
    drawn = Counter(i for seed in range(2000) for i in multinomial([0.25] * 4, 4, Random(seed)))
    assert all(abs(drawn[i] - 2000) < 4 * (8000 * 0.25 * 0.75) ** 0.5 for i in range(4))


def test_systematic_keeps_each_particle_as_often_as_its_share_to_a_whole_number():
    """Peers' defect (its_hub): `systematic` was accepted and multinomial was done."""
    theta = [0.1, 0.55, 0.35]
    for seed in range(200):
        counts = Counter(systematic(theta, 10, Random(seed)))
        assert all(int(10 * p) <= counts[i] <= int(10 * p) + 1 for i, p in enumerate(theta))
    assert systematic([0.25] * 4, 4, Random(1)) == [0, 1, 2, 3]


@pytest.mark.parametrize("scheme", [multinomial, systematic])
def test_a_particle_without_weight_is_never_drawn(scheme):
    for seed in range(500):
        assert set(scheme([0.0, 0.3, 0.0, 0.7, 0.0], 8, Random(seed))) <= {1, 3}


def two_states(o, length):
    """A hidden chain of states 0 and 1 that stays with 0.8; the weight of a step is o[state]."""

    def child(parent, rng):
        before = parent.steps[-1] if parent.steps else "0"
        state = before if rng.random() < 0.8 else str(1 - int(before))
        return state, o[int(state)] / (1 + o[int(state)]), parent.depth + 1 == length

    return child


def exact(o, length):
    p = [1.0, 0.0]
    for _ in range(length):
        moved = [0.8 * p[0] + 0.2 * p[1], 0.2 * p[0] + 0.8 * p[1]]
        p = [moved[s] * o[s] for s in (0, 1)]
    return sum(p)


@pytest.mark.parametrize("resampling", ["multinomial", "systematic"])
async def test_the_evidence_of_a_two_state_chain_is_unbiased(resampling):
    """E[prod_t mean_i w_t^i] = p(o_1..T) exactly; here within 3 standard errors of 4,000 sweeps."""
    o, length = (0.3, 1.7), 5
    found = []
    for seed in range(4000):
        swept = await sweep(World(two_states(o, length), seed), 4, Rule(resampling=resampling), label="r")
        found.append(exp(swept.log_evidence))
    mean = sum(found) / len(found)
    error = (sum((x - mean) ** 2 for x in found) / len(found)) ** 0.5 / len(found) ** 0.5
    assert abs(mean - exact(o, length)) < 3 * error
    assert error < 0.02 * mean


async def test_weights_that_are_not_resampled_give_the_same_evidence_with_incremental_ones():
    """Without resampling the last score alone weighs; incremental weights telescope to it."""
    plain = await sweep(World(two_states((0.3, 1.7), 4)), 6, Rule("incremental", ess=0.0), label="r")
    other = await sweep(World(two_states((0.3, 1.7), 4)), 6, Rule("paper", ess=0.0), label="r")
    assert plain.theta == pytest.approx(other.theta)


async def test_incremental_weights_count_evidence_that_prefixes_share_once():
    """Two kinds of chain whose scores stay at 0.9 and 0.5: after a resampling nothing is left to prefer."""

    def child(parent, rng):
        kind = parent.steps[0] if parent.steps else rng.choice("ab")
        return kind, 0.9 if kind == "a" else 0.5, parent.depth == 5

    world = World(child)
    await sweep(world, 8, Rule("incremental"), label="r")
    assert world.sizes[0] < 8
    assert world.sizes[1:] == pytest.approx([8.0] * 5)
    world = World(child)
    await sweep(world, 8, Rule("paper"), label="r")
    assert any(size < 7.9 for size in world.sizes[1:]) or len({t[0] for t in world.grown if t}) == 1


async def test_resampling_waits_for_a_small_effective_sample_size():
    world = World(lambda parent, rng: (str(rng.random()), 0.5, parent.depth == 3))
    await sweep(world, 4, Rule(ess=0.5), label="r")
    assert len({t for t in world.grown if t}) == 12
    assert effective_sample_size([0.25] * 4) == 4.0


async def test_one_particle_is_plain_sampling():
    world = World(lambda parent, rng: (f"{parent.depth}", 0.1, parent.depth == 3))
    swept = await sweep(world, 1, Rule(), label="r")
    assert swept.particles[0].text == "0123"
    assert world.grown == ["", "0", "01", "012"]


async def test_every_particle_is_a_copy_of_an_earlier_one_and_finished_ones_keep_their_last_score():
    world = World(lambda parent, rng: (rng.choice("xyz"), rng.random(), rng.random() < 0.3))
    swept = await sweep(world, 6, Rule(), label="r")
    known = {""}
    for text in world.grown:
        assert text in known or text[:-1] in known
        known.add(text)
    assert all(c.over and c.depth == len(c.scores) for c in swept.particles)
    assert isclose(sum(swept.theta), 1.0)


REFERENCE = Chain(("R", "R", "R"), (0.5, 0.5, 0.999), (Usage(1, 1),) * 3, "the model ended it", True)


async def test_the_reference_competes_with_its_own_score_at_the_same_step():
    """Peers' defect (its_hub): its final weight competed at step 1 with probability 0.997 instead of 0.25."""
    world = World(lambda parent, rng: ("o", 0.5, parent.depth == 5))
    swept = await sweep(world, 4, Rule(), label="r", reference=REFERENCE)
    assert world.sizes[:2] == pytest.approx([4.0, 4.0])
    assert world.sizes[2] < 1.1
    assert swept.particles[0] == REFERENCE


async def test_a_copy_of_the_reference_is_cut_to_the_step_and_grows_on_its_own():
    world = World(lambda parent, rng: ("o", 0.02, parent.depth == 5))
    swept = await sweep(world, 4, Rule(), label="r", reference=REFERENCE)
    assert "R" in world.grown
    assert all(not text.startswith("RRR") for text in world.grown)
    assert any(c.text.startswith("RRR") for c in swept.particles[1:])


async def test_a_lost_particle_has_no_weight_and_all_lost_is_an_end():
    class Losing(World):
        async def grow(self, parents):
            return [
                [] if p.depth == 1 and i % 2 else f
                for i, (p, f) in enumerate(zip(parents, await super().grow(parents), strict=True))
            ]

    swept = await sweep(Losing(lambda p, rng: ("o", 0.5, p.depth == 3)), 4, Rule(ess=0.0), label="r")
    assert [bool(c.error) for c in swept.particles] == [False, True, False, True]
    assert swept.theta == pytest.approx([0.5, 0.0, 0.5, 0.0])

    class Gone(World):
        async def grow(self, parents):
            return [[] for _ in parents]

    swept = await sweep(Gone(None), 4, Rule(), label="r")
    assert swept.theta == []
    assert all(c.error for c in swept.particles)
