"""What every law keeps to, whichever file of `outlay/laws` it stands in. A new file joins by existing.

The convention. A public module `outlay/laws/NAME.py` (no leading underscore) has a function `fit(...)` that returns a
frozen struct `Fit`, seeds passed in. `Fit` has

- the parameters as attributes,
- `predict(*x) -> Prediction` (`outlay.laws._result`): value, interval or None, and `warning`, one sentence
  past the data and "" inside it (or `CannotSay` is raised where nothing can be said past the data),
- `invert(y) -> Prediction` where the law has an inverse, of the first argument of `predict`,
- `form: FormTest`: the residual test, with its p-value and a sentence.

Data that do not determine the parameters raise `CannotSay` (a `UsageError`), bad arguments `UsageError`.

Beside it stands `tests/support/laws/NAME.py` with `cases(seed) -> list[Case]` (`tests/support/laws/case.py`): planted
data, the truth, and tolerances. Every check below runs on every case of every law.
"""

import contextlib
import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import outlay.laws
from outlay.errors import CannotSay, UsageError
from outlay.laws._result import FormTest, Prediction

SUPPORT = Path(__file__).parents[1] / "support" / "laws"
NAMES = sorted(p.stem for p in Path(outlay.laws.__path__[0]).glob("*.py") if not p.stem.startswith("_"))


def cases_of(name):
    spec = importlib.util.spec_from_file_location(f"planted_{name}", SUPPORT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.cases(seed=1)


CASES = [pytest.param(case, id=f"{name}-{case.name}") for name in NAMES for case in cases_of(name)]
every_case = pytest.mark.parametrize("case", CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_law_has_a_fit_with_the_convention_s_parts_and_planted_cases(name):
    module = importlib.import_module(f"outlay.laws.{name}")
    assert callable(module.fit)
    assert module.Fit.__struct_config__.frozen
    assert callable(module.Fit.predict)
    assert "form" in module.Fit.__struct_fields__
    assert cases_of(name)


@every_case
def test_planted_parameters_come_back(case):
    fit = case.fit()
    for attribute, (true, tolerance) in case.truth.items():
        assert abs(getattr(fit, attribute) - true) <= tolerance, (attribute, getattr(fit, attribute), true)
    assert isinstance(fit.form, FormTest)
    assert not fit.form.wrong, fit.form.words


@every_case
def test_predictions_are_near_the_truth_and_inside_their_intervals(case):
    fit = case.fit()
    for x, true, tolerance in case.predicted:
        said = fit.predict(*x)
        assert isinstance(said, Prediction)
        assert abs(said.value - true) <= tolerance, (x, said.value, true)
        if said.interval is not None:
            assert said.interval.low - 1e-9 <= said.value <= said.interval.high + 1e-9


@every_case
def test_a_point_past_the_data_is_warned_about_and_one_inside_is_not(case):
    fit = case.fit()
    with contextlib.suppress(CannotSay):
        assert fit.predict(*case.past).warning
    assert not fit.predict(*case.predicted[0][0]).warning


@every_case
def test_monotone_where_claimed(case):
    fit = case.fit()
    values = np.array([fit.predict(*x).value for x in case.grid])
    assert (case.direction * np.diff(values) >= -1e-12).all()


@every_case
def test_the_inverse_undoes_the_prediction(case):
    fit = case.fit()
    for x in case.inverts:
        assert fit.invert(fit.predict(*x).value).value == pytest.approx(x[0], rel=1e-6, abs=1e-9)


@every_case
def test_a_wrong_form_is_said_to_be_wrong(case):
    if case.wrong_form is not None:
        form = case.wrong_form().form
        assert form.wrong
        assert form.p_value < 0.05
        assert form.words


@every_case
def test_what_is_not_identified_is_refused(case):
    for fit in case.unfit:
        with pytest.raises(UsageError):
            fit()
