"""Idealised and denoised runtimes: HELM's constants come back, noise is told apart, and prices add up."""

import numpy as np
import pytest
from helm_runtimes import A100_NUSD_PER_HOUR, CARDS, grid, published

from outlay.economics.idealized_runtime import Runtime, cost_nusd, token_price
from outlay.economics.runtime_fit import fit_calls, fit_denoised, fit_idealized
from outlay.errors import CannotSay, UsageError
from outlay.money import cost_nusd as price_of
from outlay.types import Usage

IDEALIZED, DENOISED = published("idealized"), published("denoised")


def test_the_copied_files_are_whole():
    assert (len(IDEALIZED), len(DENOISED)) == (19, 18)


@pytest.mark.parametrize("name", sorted(IDEALIZED))
def test_helms_idealised_constants_come_back_from_their_grid(name):
    known = IDEALIZED[name]
    fit = fit_idealized(*grid(known), resolution_s=0.001)
    assert fit.runtime.first_token_s == pytest.approx(known.first_token_s, abs=1e-12)
    assert fit.runtime.per_token_s == pytest.approx(known.per_token_s, abs=1e-12)
    assert fit.r2 == pytest.approx(1)
    assert fit.form is not None
    assert not fit.form.rejected


@pytest.mark.parametrize("name", sorted(DENOISED))
def test_helms_denoised_constants_come_back_from_queued_trials_of_their_grid(name):
    known = DENOISED[name]
    assert known.first_token_s[0] == known.per_token_s
    p, o, s = (np.array(column * 10) for column in grid(known))
    queue = np.random.default_rng(1).exponential(0.5, len(s))
    queue[: len(s) // 10] = 0
    fit = fit_denoised(p, o, s + queue, resolution_s=0.001)
    assert fit.runtime.per_token_s == pytest.approx(known.per_token_s, abs=1e-12)
    assert fit.runtime.overhead_s == pytest.approx(known.overhead_s, abs=1e-12)
    assert fit.runtime.first_token_s == pytest.approx(known.first_token_s, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "seconds", "cents"),
    [
        ("openai/davinci", 5.281, 4.807),
        ("ai21/j1-large", 1.559, 0.177),
        ("together/bloom", 4.034, 3.672),
        ("microsoft/TNLGv2_530B", 8.239, 22.498),
    ],
)
def test_seconds_and_cents_of_512_prompt_and_64_output_tokens(name, seconds, cents):
    spent = float(IDEALIZED[name].seconds(512, 64, rule="helm"))
    assert round(spent, 3) == seconds
    paid = cost_nusd(spent, accelerators=CARDS[name], nusd_per_accelerator_hour=A100_NUSD_PER_HOUR)
    assert round(paid / 1e7, 3) == cents


def test_the_saw_tooth_of_the_published_rule_and_the_rule_without_it():
    davinci = IDEALIZED["openai/davinci"]
    assert davinci.first_s([576, 600, 2, 1], rule="helm").round(3).tolist() == [0.217, 0.212, 0.011, 0.084]
    rising = davinci.first_s(np.arange(0, 4000))
    assert (np.diff(rising) >= 0).all()
    assert davinci.first_s([1920, 3840]).tolist() == pytest.approx([0.597, 1.194])
    assert davinci.first_s([1920, 3840], rule="helm").tolist() == pytest.approx([0.597, 1.194])


def test_the_first_token_is_charged_once():
    davinci = IDEALIZED["openai/davinci"]
    assert np.diff(davinci.seconds(512, np.arange(1, 9))).tolist() == pytest.approx([davinci.per_token_s] * 7)
    assert davinci.seconds(512, 0) == davinci.seconds(512, 1) == davinci.first_s(512)


def test_the_least_of_ten_trials_finds_the_token_time_and_their_mean_does_not():
    known = Runtime((1, 256, 512), (0.06, 0.16, 0.26), 0.02, 0.2)
    p, o, s = (np.array(column) for column in grid(known))
    rng = np.random.default_rng(7)
    # Requests that are under way longer meet more of the others' load.
    noisy = np.concatenate([s + rng.exponential(0.3 * s) for _ in range(10)])
    columns = np.tile(p, 10), np.tile(o, 10), noisy
    least, mean = fit_denoised(*columns), fit_idealized(*columns)
    assert least.runtime.per_token_s == pytest.approx(0.02, rel=0.05)
    assert mean.runtime.per_token_s > 0.02 * 1.05


def test_the_order_of_trials_changes_nothing_and_the_scale_only_the_scale():
    rng = np.random.default_rng(3)
    p, o, s = (np.array(column * 3) for column in grid(Runtime((1, 64, 512), (0.1, 0.15, 0.4), 0.03)))
    s = s * rng.uniform(0.95, 1.05, len(s))
    shuffled = rng.permutation(len(s))
    fit = fit_idealized(p, o, s)
    assert fit_idealized(p[shuffled], o[shuffled], s[shuffled]) == fit
    tripled = fit_idealized(p, o, 3 * s).runtime
    assert tripled.per_token_s == pytest.approx(3 * fit.runtime.per_token_s)
    assert tripled.first_token_s == pytest.approx([3 * first for first in fit.runtime.first_token_s])


def test_replies_of_another_length_than_asked_are_dropped():
    p, o, s = grid(Runtime((1, 64), (0.1, 0.2), 0.05))
    fit = fit_denoised([*p, 1], [*o, 3], [*s, 0.0001], asked_tokens_N=[*o, 64])
    assert fit.dropped == 1
    assert fit.runtime.per_token_s == pytest.approx(0.05)
    with pytest.raises(CannotSay):
        fit_denoised([1, 1], [3, 4], [0.1, 0.2], asked_tokens_N=[1, 2])


def test_calls_of_any_size_give_the_speeds_and_held_out_calls_are_predicted():
    rng = np.random.default_rng(11)
    p, o = rng.integers(10, 900, 400), rng.integers(1, 200, 400)
    s = (0.05 + 0.001 * p + 0.02 * (o - 1)) * rng.lognormal(0, 0.03, 400)
    fit = fit_calls(p[:100], o[:100], s[:100])
    assert fit.per_token_interval.low < 0.02 < fit.per_token_interval.high
    assert fit.runtime.per_token_s == pytest.approx(0.02, rel=0.05)
    told = [fit.predict(int(a), int(b)) for a, b in zip(p[100:], o[100:], strict=True)]
    errors = [abs(t.seconds - x) / x for t, x in zip(told, s[100:], strict=True)]
    assert np.median(errors) < 0.1
    inside = [t.interval.low <= x <= t.interval.high for t, x in zip(told, s[100:], strict=True)]
    assert 0.9 <= np.mean(inside) <= 1
    assert told[0].interval.level == pytest.approx(97 / 101)
    past = (p[100:] > p[:100].max()) | (o[100:] > o[:100].max())
    assert [bool(t.warning) for t in told] == past.tolist()


def test_a_token_time_that_grows_with_the_context_is_said_to_be_the_wrong_form():
    p, o = (a.ravel() for a in np.meshgrid([1, 1000, 8000, 32000], [1, 8, 32, 128]))
    s = (0.1 + 1e-5 * p + (0.02 + 1e-6 * p) * (o - 1)) * np.random.default_rng(5).uniform(0.99, 1.01, len(p))
    fit = fit_idealized(p, o, s)
    assert fit.form is not None
    assert fit.form.rejected
    assert "timed up to 32000" in (far := fit.predict(64000, 16).warning)
    assert "changes with the prompt" in far
    assert fit.predict(1000, 16).warning == ""


def test_the_seconds_of_a_call_and_the_tokens_of_a_deadline_undo_each_other():
    runtime = IDEALIZED["together/bloom"]
    for o in (1, 2, 63, 500):
        assert runtime.output_tokens_within(300, float(runtime.seconds(300, o))) == o
    assert runtime.output_tokens_within(300, 0.01) == 0
    with pytest.raises(UsageError):
        Runtime((1,), (0.1,), 0.0).output_tokens_within(1, 9.0)


def test_the_price_per_token_bills_a_typical_request_at_its_seconds():
    runtime = DENOISED["openai/davinci"]
    for p, o in ((512, 64), (40, 300)):
        price = token_price(
            runtime,
            prompt_tokens=p,
            output_tokens=o,
            accelerators=8,
            nusd_per_accelerator_hour=A100_NUSD_PER_HOUR,
        )
        seconds = float(runtime.seconds(p, o))
        exact = cost_nusd(seconds, accelerators=8, nusd_per_accelerator_hour=A100_NUSD_PER_HOUR)
        assert exact <= price_of(price, Usage(p, o)) <= exact + 2
        assert isinstance(price.output_nusd_per_mtok, int)


def test_cost_is_linear_in_cards_and_price():
    once = cost_nusd(1.0, accelerators=1, nusd_per_accelerator_hour=3600)
    assert (once, cost_nusd(1.0, accelerators=8, nusd_per_accelerator_hour=7200)) == (1, 16)
    assert cost_nusd(0.0, accelerators=1, nusd_per_accelerator_hour=3600) == 0
    with pytest.raises(UsageError):
        cost_nusd(-1.0, accelerators=1, nusd_per_accelerator_hour=3600)
    with pytest.raises(UsageError):
        cost_nusd(float("nan"), accelerators=1, nusd_per_accelerator_hour=3600)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (([], [], []), UsageError),
        (([1], [1, 2], [0.1]), UsageError),
        (([1, 1, 1], [1, 2, 3], [0.1, float("nan"), 0.3]), UsageError),
        (([1, 1, 1], [1, 2, 3], [0.1, 0.0, 0.3]), UsageError),
        (([1, 1, 9], [1, 2, 2], [0.1, 0.2, 0.3]), UsageError),
        (([1, 1], [1, 2], [0.1, 0.2]), CannotSay),
        (([1, 2, 3], [1, 1, 1], [0.1, 0.2, 0.3]), CannotSay),
        (([1, 1, 1], [1, 2, 3], [0.3, 0.2, 0.1]), CannotSay),
    ],
)
def test_timings_that_say_nothing_are_refused(columns, error):
    with pytest.raises(error):
        fit_idealized(*columns)


def test_calls_that_cannot_tell_reading_from_writing_are_refused():
    with pytest.raises(CannotSay):
        fit_calls([10, 20, 30, 40], [11, 21, 31, 41], [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(CannotSay):
        fit_calls([10, 200, 50], [5, 8, 40], [0.15, 0.37, 0.54])
    with pytest.raises(CannotSay):
        fit_calls([10, 200, 50, 400], [5, 8, 40, 3], [0.9, 0.3, 0.5, 0.1])


@pytest.mark.parametrize(
    "broken", [((), (), 0.1), ((2, 1), (0.1, 0.2), 0.1), ((1,), (0.1, 0.2), 0.1), ((1,), (0.1,), float("inf"))]
)
def test_a_runtime_out_of_range_is_refused(broken):
    with pytest.raises(UsageError):
        Runtime(*broken)
    with pytest.raises(UsageError):
        Runtime((1,), (0.1,), 0.1).seconds(-1, 5)
