"""Say which plan to buy: from an experiment's folder, or from a small pilot that it runs within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.pilot import Piloted, PilotSpec
    from outlay.policies._advice import Advice
    from outlay.policies._pilot import Pilot
    from outlay.policies._worth import Worth
    from outlay.report.beyond import Beyond

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
    json: bool = False,
) -> None:
    """Say which plan to buy for what an answer is worth.

    From the folder of a bench nothing is bought. From a task a pilot is run
    first: some questions, many samples of each, of every model named; stopped
    half-way, the same command goes on and pays for nothing twice. The advice
    goes to standard output, progress to standard error. Questions without
    answers are planned for as far as the samples' agreement carries.

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
    json:
        Print one JSON object instead of the words.
    """
    from outlay.pilot import MAX_OUTPUT_TOKENS

    worth = _worth(value_usd, wrong_usd, usd_per_s, accuracy)
    budget_usd = _dollars(answer_usd)
    if (Path(what) / "experiment.json").is_file():
        _refuse_for_folder(
            verifier=verifier, kind=kind, temperature=temperature, max_output_tokens=max_output_tokens
        )
        _from_folder(Path(what), model, worth, budget_usd, seed, json)
        return
    spec = _spec(what, model, verifier, kind, questions, samples, seed, temperature, max_usd)
    _from_pilot(_bounded(spec, max_output_tokens or MAX_OUTPUT_TOKENS), worth, budget_usd, json)


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
    from outlay.pilot import PilotSpec

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


def _from_folder(
    out: Path, model: tuple[str, ...], worth: Worth, budget_usd: float | None, seed: int, json: bool
) -> None:
    from outlay.benched import benched
    from outlay.cli import _plan_words as words
    from outlay.policies._advice import advise
    from outlay.policies._menu import competing

    found = asyncio.run(benched(out, value_usd=worth.value_usd, seed=seed))
    advised: list[tuple[str, Advice, list[Beyond]]] = []
    for each in found:
        kept = [i for i, e in enumerate(each.menu) if not model or set(e.models) <= set(model)]
        menu, beliefs = tuple(each.menu[i] for i in kept), each.beliefs.columns(kept)
        menu, beliefs, unable = competing(menu, beliefs, worth)
        pilots = [p for p in each.pilots if not model or p.model in model]
        left_out = (*each.left_out, *unable)
        advice = advise(
            menu, beliefs, worth, pilots=pilots, budget_usd=budget_usd, left_out=left_out, seed=seed
        )
        advised.append((each.task, advice, _past(each.task, advice, pilots, seed)))
    if json:
        words.print_json(advised)
        return
    for task, advice, past in advised:
        words.tell(task, advice, past)


def _past(task: str, advice: Advice, pilots: Sequence[Pilot], seed: int) -> list[Beyond]:
    """What the laws say of the models that the advised plan asks, beyond their pilots."""
    from outlay.report.beyond import beyond

    asked = set(advice.best.plan.roles.values()) if advice.best is not None else set()
    mine = [p for p in pilots if p.model in asked and p.correct_QS is not None]
    return [beyond(p, advice.worth, task=task, seed=seed) for p in mine]


def _from_pilot(spec: PilotSpec, worth: Worth, budget_usd: float | None, json: bool) -> None:
    from outlay.cli import _plan_words as words
    from outlay.cli._terminal import note
    from outlay.policies._advice import advise
    from outlay.policies._agreement import agreement
    from outlay.policies._menu import competing, menu_of

    piloted = _run(spec)
    if piloted.stopped:
        asked = len(piloted.pilots[0].ids)
        note(f"The pilot holds {asked} of {piloted.wanted} questions: {piloted.stopped}")
    if piloted.failed:
        note(f"{len(piloted.failed)} times no sample came back, which counts as wrong: {piloted.failed[0]}")
    if not piloted.labelled:
        found = [agreement(p, value_usd=worth.value_usd) for p in piloted.pilots]
        words.print_agreement(spec.task, found) if json else words.tell_agreement(spec.task, found)
        return
    menu, beliefs = menu_of(piloted.pilots, value_usd=worth.value_usd, seed=spec.seed)
    menu, beliefs, left_out = competing(menu, beliefs, worth)
    advice = advise(
        menu,
        beliefs,
        worth,
        pilots=piloted.pilots,
        budget_usd=budget_usd,
        left_out=left_out,
        seed=spec.seed,
    )
    past = _past(spec.task, advice, piloted.pilots, spec.seed)
    words.print_json([(spec.task, advice, past)]) if json else words.tell(spec.task, advice, past)


def _run(spec: PilotSpec) -> Piloted:
    from outlay.cli._progress import progress
    from outlay.errors import OutlayError, UsageError
    from outlay.pilot import run_pilot

    async def run() -> Piloted:
        with progress("pools") as tell:
            return await run_pilot(spec, on_pool=lambda done, of: tell(done, of, ""))

    kept = "what the pilot drew is kept: run the same command again to go on."
    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {kept}") from None
    except UsageError:
        raise
    except OutlayError as error:
        raise OutlayError(f"{str(error).rstrip('.')}; {kept}") from error
