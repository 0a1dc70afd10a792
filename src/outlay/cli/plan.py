"""Say which plan to buy: from an experiment's folder, or from a small pilot that it runs within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.cli._planning import Told
    from outlay.experiments.experiment import Spec
    from outlay.experiments.pilot import PilotSpec
    from outlay.policies._worth import Worth

_MANY = Parameter(consume_multiple=True)


def plan(
    what: str,
    *,
    model: Annotated[tuple[str, ...], _MANY] = (),
    value_usd: str | None = None,
    wrong_usd: str = "0",
    usd_per_s: str = "0",
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    accuracy: float | None = None,
    answer_usd: str | None = None,
    questions: int = 30,
    samples: int = 16,
    verifier: str | None = None,
    kind: str | None = None,
    seed: int = 0,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
    save: str | None = None,
    task_class: str = "default",
    json: bool = False,
) -> None:
    """Say which plan to buy for what an answer is worth.

    From the folder of a bench nothing is bought. From a task a pilot is run
    first: some questions, many samples of each, of every model named; stopped
    half-way, the same command goes on and pays for nothing twice. The advice
    goes to standard output, progress to standard error. Questions without
    answers are planned for as far as the samples' agreement carries. With --save
    the plan stands in outlay.toml under a name, beside those for other worths,
    and outlay/auto chooses among them.

    Example: outlay plan recorded/pool-q05-sums --value-usd 0.001
    --model recorded/pool-q05-sums recorded/pool-q15-sums

    Parameters
    ----------
    what:
        The folder that a bench wrote, or a task: a file (JSONL, CSV) or a name (see outlay tasks).
    model:
        Models to choose among (of a folder: all of its own); ROLE=NAME gives each a helper, such as judge=NAME.
    value_usd:
        What a right answer is worth, in dollars.
    wrong_usd:
        What a wrong answer costs, in dollars; 0 unless given.
    usd_per_s:
        What a second of waiting costs, in dollars; 0 unless given.
    max_usd:
        A hard cap in dollars on the pilot, earlier starts of it included.
    accuracy:
        The least share of right answers, such as 0.9: the cheapest plan that reaches it is named.
    answer_usd:
        The most that one answer may come to, in dollars: plans that can cost more are left out.
    questions:
        The most questions of the pilot; 30 unless given.
    samples:
        Samples of each question of the pilot, and the most that a plan can have; 16 unless given.
    verifier:
        What checks answers, so that plans with checks compete: a name, command:PROGRAM, or package.module:function.
    kind:
        The kind of answer, where the task does not say.
    seed:
        Questions, samples and intervals derive from it; 0 unless given.
    temperature:
        The sampling temperature; the model's own unless given.
    max_output_tokens:
        The most output tokens of one sample; 512 unless given.
    save:
        Write the advised plan into outlay.toml as [plans.SAVE], and beside it those for other worths.
    task_class:
        The task class for which outlay/auto then chooses among them (see docs/gateway.md); default unless given.
    json:
        Print one JSON object instead of the words.
    """
    from outlay.cli import _plan_words as words
    from outlay.cli._planning import from_folder, from_pilot
    from outlay.experiments.experiment import read_spec
    from outlay.experiments.pilot import MAX_OUTPUT_TOKENS

    worth = _worth(value_usd, wrong_usd, usd_per_s, accuracy)
    budget_usd = _dollars(answer_usd)
    if (Path(what) / "experiment.json").is_file():
        _refuse_for_folder(
            verifier=verifier, kind=kind, temperature=temperature, max_output_tokens=max_output_tokens
        )
        told = from_folder(Path(what), model, worth, budget_usd, seed)
        _say(told, json)
        _keep(told, read_spec(Path(what)).spec, save, task_class, budget_usd)
        return
    spec = _spec(what, model, verifier, kind, questions, samples, seed, temperature, max_usd)
    spec = _bounded(spec, max_output_tokens or MAX_OUTPUT_TOKENS)
    found = from_pilot(spec, worth, budget_usd)
    if isinstance(found, list):
        words.print_agreement(spec.task, found) if json else words.tell_agreement(spec.task, found)
        _keep([], spec, save, task_class, budget_usd)
        return
    _say([found], json)
    _keep([found], spec, save, task_class, budget_usd)


def _say(told: Sequence[Told], json: bool) -> None:
    from outlay.cli import _plan_words as words

    if json:
        words.print_json(told)
        return
    for each in told:
        words.tell(*each)


def _keep(
    told: Sequence[Told], spec: PilotSpec | Spec, save: str | None, task_class: str, budget_usd: float | None
) -> None:
    """Write the one plan that was advised into the configuration, if that was asked for.

    Raises:
        UsageError: there is not one plan to write, or it cannot be written.
    """
    from outlay import config
    from outlay.cli import _save_plan
    from outlay.cli._terminal import note
    from outlay.errors import UsageError

    if save is None:
        return
    if len(told) != 1:
        raise UsageError(
            f"--save writes one plan, and there {'is none' if not told else f'are {len(told)}'} to write."
        )
    task, advice, _ = told[0]
    plans = _save_plan.plans_of(save, task, advice, spec, budget_usd, config.read())
    path = _save_plan.save(plans, task_class)
    rivals = [each.name for each in plans[1:]]
    beside = f", and beside it {', '.join(rivals)}" if rivals else ""
    chooses = "chooses among them by what a request says an answer is worth" if rivals else "buys it"
    note(
        f"The plan stands in {path} as [plans.{save}]{beside}; outlay/auto {chooses} for the task class {task_class}."
    )


def _dollars(text: str | None) -> float | None:
    from outlay.money import NUSD, nusd

    return None if text is None else nusd(text) / NUSD


def _refuse_for_folder(**given: object) -> None:
    """What says how to draw a pilot says nothing about samples that are there.

    Raises:
        UsageError: one of them was given.
    """
    from outlay.errors import UsageError

    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} is for a pilot; a folder is planned from as it was drawn: leave it out."
            )


def _worth(value_usd: str | None, wrong_usd: str, usd_per_s: str, accuracy: float | None) -> Worth:
    from outlay.errors import UsageError
    from outlay.policies._worth import Worth

    if value_usd is not None and accuracy is not None:
        raise UsageError("Say either --value-usd or --accuracy: a worth chooses its own accuracy.")
    wrong, waiting = _dollars(wrong_usd) or 0.0, _dollars(usd_per_s) or 0.0
    return Worth(_dollars(value_usd), wrong, waiting, accuracy).checked()


def _spec(
    task: str,
    model: tuple[str, ...],
    verifier: str | None,
    kind: str | None,
    questions: int,
    samples: int,
    seed: int,
    temperature: float | None,
    max_usd: str | None,
) -> PilotSpec:
    from outlay import config, money, plugins
    from outlay.cli._roles import split
    from outlay.errors import UsageError
    from outlay.experiments.pilot import PilotSpec

    if questions < 1 or not 2 <= samples <= 256:
        raise UsageError("A pilot asks at least 1 question, and draws 2 to 256 samples of each.")
    if verifier is not None:
        plugins.spec("verifier", verifier)
        if verifier.partition(":")[0] == "reference":
            raise UsageError(
                "reference sees the answer key, so no plan with it can be bought; name another verifier."
            )
    models, roles = split(model)
    known = config.read()
    return PilotSpec(
        task=task,
        models=models or (known.default,),
        roles={**known.roles, **roles},
        verifier=verifier,
        kind=kind,
        questions=questions,
        samples=samples,
        seed=seed,
        temperature=temperature,
        max_usd=None if max_usd is None else money.usd(money.nusd(max_usd)),
    )


def _bounded(spec: PilotSpec, max_output_tokens: int) -> PilotSpec:
    from msgspec.structs import replace

    return replace(spec, max_output_tokens=max_output_tokens)
