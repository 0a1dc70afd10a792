"""The advice behind `outlay plan`: from a bench's folder, where nothing is bought, or from a pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from outlay.experiments.pilot import Piloted, PilotSpec
    from outlay.policies._advice import Advice
    from outlay.policies._agreement import Agreement
    from outlay.policies._pilot import Pilot
    from outlay.policies._worth import Worth
    from outlay.report.beyond import Beyond


class Told(NamedTuple):
    """What is told of one task: the advice, and what the laws say past the pilots of the models that it asks."""

    task: str
    advice: Advice
    past: list[Beyond]


def from_folder(
    out: Path, model: tuple[str, ...], worth: Worth, budget_usd: float | None, seed: int
) -> list[Told]:
    """The advice of a bench's folder, task by task.

    Raises:
        UsageError: as `outlay.experiments.benched.benched`, or no plan can be weighed.
    """
    from outlay.experiments.benched import benched
    from outlay.policies._advice import advise
    from outlay.policies._menu import competing

    told = []
    for each in asyncio.run(benched(out, value_usd=worth.value_usd, seed=seed)):
        kept = [i for i, e in enumerate(each.menu) if not model or set(e.models) <= set(model)]
        menu, beliefs = tuple(each.menu[i] for i in kept), each.beliefs.columns(kept)
        menu, beliefs, unable = competing(menu, beliefs, worth)
        pilots = [p for p in each.pilots if not model or p.model in model]
        left_out = (*each.left_out, *unable)
        advice = advise(
            menu, beliefs, worth, pilots=pilots, budget_usd=budget_usd, left_out=left_out, seed=seed
        )
        told.append(Told(each.task, advice, _past(each.task, advice, pilots, seed)))
    return told


def from_pilot(spec: PilotSpec, worth: Worth, budget_usd: float | None) -> Told | list[Agreement]:
    """The advice of a pilot, which is run first; without labels, what agreement says of each model.

    Raises:
        UsageError: as `outlay.experiments.pilot.run_pilot`, or no plan can be weighed.
        OutlayError: the pilot failed; what it drew is kept.
    """
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
        return [agreement(p, value_usd=worth.value_usd) for p in piloted.pilots]
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
    return Told(spec.task, advice, _past(spec.task, advice, piloted.pilots, spec.seed))


def _past(task: str, advice: Advice, pilots: Sequence[Pilot], seed: int) -> list[Beyond]:
    """What the laws say of the models that the advised plan asks, beyond their pilots."""
    from outlay.report.beyond import beyond

    asked = set(advice.best.plan.roles.values()) if advice.best is not None else set()
    mine = [p for p in pilots if p.model in asked and p.correct_QS is not None]
    return [beyond(p, advice.worth, task=task, seed=seed) for p in mine]


def _run(spec: PilotSpec) -> Piloted:
    from outlay.cli._progress import progress
    from outlay.errors import OutlayError, UsageError
    from outlay.experiments.pilot import run_pilot

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
