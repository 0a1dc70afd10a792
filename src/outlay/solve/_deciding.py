"""Which plan solves the rest: a pilot on labelled questions, then the most that what is left can buy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from random import Random

from msgspec import Struct

from outlay.engine import Outlay
from outlay.errors import UsageError
from outlay.experiments.pilot import SAMPLES, Asking, Piloted, PilotSpec, has_label, of_kind
from outlay.policies._menu import Beliefs, Entry, competing, menu_of
from outlay.policies._pilot import FEWEST_QUESTIONS
from outlay.policies._spread import Spread, spread
from outlay.policies._unpaying import unpaying
from outlay.policies._view import Figure, View
from outlay.policies._worth import Worth
from outlay.policies.planner import accuracy_P
from outlay.solve._sizing import PILOT_SHARE, next_size, pilot_size
from outlay.solve._spec import SolveSpec
from outlay.tasks import Item, Task

ENOUGH = 30
"""Labels that make a pilot of full size."""


class Chosen(Struct, frozen=True):
    """A plan that is bought for a share of the questions, and what the pilot lets expect of it, a question."""

    name: str
    share: float
    accuracy: Figure
    cost_usd: Figure


class Decided(Struct, frozen=True):
    """The menu with what is known of it, and what the budget was found to buy.

    `places` are the pilot's questions by their place in the file, each with `samples` samples of every model.
    `left_usd` is what the pilot's expected bill leaves for the others.
    """

    menu: tuple[Entry, ...]
    beliefs: Beliefs
    accuracy: tuple[float, ...]
    cost_usd: tuple[float, ...]
    spread: Spread
    chosen: tuple[Chosen, ...]
    places: tuple[int, ...]
    samples: int
    pilot_usd: float
    left_usd: float
    notes: tuple[str, ...]

    @property
    def bought(self) -> list[Entry]:
        """The plans of the mixture, the cheaper first; none where nothing is worth its price."""
        return [self.menu[part.plan] for part in self.spread.parts if part.plan is not None]

    def spread_of(self, left_usd: float, questions: int, value_usd: float | None) -> Spread:
        """What this much buys for so many questions."""
        return spread(self.cost_usd, self.accuracy, max(left_usd, 0.0) / max(questions, 1), value_usd)


def refuse_unknowable(task: Task, spec: SolveSpec) -> None:
    """Refuse several models where nothing can say which of them is right more often.

    Raises:
        UsageError: there are fewer than four labels, or there is to be no pilot.
    """
    labels = sum(map(has_label, task))
    if not spec.others or min(labels, spec.piloted) >= FEWEST_QUESTIONS:
        return
    if labels >= FEWEST_QUESTIONS:
        raise UsageError(
            f"Which of {len(spec.models)} models is right more often only a pilot says, of at least {FEWEST_QUESTIONS} "
            "questions: raise --pilot, or name one model."
        )
    raise UsageError(
        f"Which of {len(spec.models)} models is right more often cannot be said without labels: {task.name} has "
        f"{labels or 'none'}, and a pilot needs answers to {FEWEST_QUESTIONS} of its questions, better {ENOUGH}. Add "
        "them, or name one model."
    )


def to_be_piloted(task: Task, spec: SolveSpec) -> list[int]:
    """The places of the labelled questions that a pilot may ask, in its seeded order; empty where it cannot be."""
    places = [i for i, item in enumerate(task) if has_label(item)]
    if min(len(places), spec.piloted) < FEWEST_QUESTIONS:
        return []
    Random(f"solve pilot {spec.seed}").shuffle(places)
    return places[: spec.piloted]


async def decide(
    task: Task, places: Sequence[int], spec: SolveSpec, shop: Outlay, on_pool: Callable[[], None]
) -> Decided:
    """Run a pilot of these questions on every model, as large as a fifth of what is at stake buys, and choose by it.

    At stake is the budget, or what right answers to all questions are worth where that is less.
    It begins with one sample of four questions and grows in steps, sized anew after each (`pilot_size`). Every decision
    follows from the samples and the budget, so the same command decides the same. Costs count as if everything were
    bought now, the first prompts twice where they are read again.

    Args:
        task: the questions.
        places: the labelled ones, in the pilot's order.
        spec: the models, the verifier and the money.
        shop: whose run pays.
        on_pool: is called after each pool.

    Raises:
        UsageError: the budget ends before four questions are asked, or no plan can be weighed.
        ProviderError: no further call can succeed.
    """
    items = [of_kind(task[i], spec.kind) for i in places]
    shops = [await shop.played_by({"default": model, **spec.roles}) for model in spec.models]
    size = (FEWEST_QUESTIONS, 1)
    drawn = await _ask(task.name, items[: size[0]], size[1], spec, shops, on_pool)
    again_usd = sum(float(p.prompt_usd_Q.sum()) for p in drawn.pilots if p.width > 1)
    at_stake = min(spec.max_usd, len(task) * (inf if spec.value_usd is None else spec.value_usd))
    room_usd, most = PILOT_SHARE * at_stake - again_usd, min(SAMPLES, spec.most)
    while not drawn.stopped:
        following = next_size(size, pilot_size(drawn.pilots, room_usd, questions=len(items), samples=most))
        if following is None:
            break
        size = following
        drawn = await _ask(task.name, items[: size[0]], size[1], spec, shops, on_pool)
    if size[1] == 1:
        again_usd = 0.0
    asked = {item.question.id: place for item, place in zip(items, places, strict=True)}
    return _decided(drawn, [asked[id] for id in drawn.pilots[0].ids], again_usd, len(task), spec)


async def _ask(
    name: str,
    items: list[Item],
    samples: int,
    spec: SolveSpec,
    shops: list[Outlay],
    on_pool: Callable[[], None],
) -> Piloted:
    asked = PilotSpec(
        task=name,
        models=spec.models,
        roles=spec.roles,
        verifier=spec.verifier,
        kind=spec.kind,
        questions=len(items),
        samples=samples,
        seed=spec.seed,
        temperature=spec.temperature,
        max_output_tokens=spec.max_output_tokens,
    )
    asking = Asking(asked, shops, lambda *_: on_pool(), len(items))
    await asking.prepare()
    await asking.ask(items)
    return asking.result(None)


def _decided(drawn: Piloted, places: list[int], again_usd: float, questions: int, spec: SolveSpec) -> Decided:
    worth = Worth(spec.value_usd)
    menu, beliefs = menu_of(drawn.pilots, value_usd=spec.value_usd, most=spec.most, seed=spec.seed)
    menu, beliefs, left_out = competing(menu, beliefs, worth)
    accuracy = tuple(accuracy_P(menu, beliefs).tolist())
    cost_usd = tuple(beliefs.usd_QP.mean(axis=0).tolist())
    pilot_usd = sum(p.bill_usd for p in drawn.pilots) + again_usd
    left_usd = max(spec.max_usd - pilot_usd, 0.0)
    found = spread(cost_usd, accuracy, left_usd / max(questions - len(places), 1), spec.value_usd)
    samples = drawn.pilots[0].samples
    view = View(menu, beliefs, worth, None, samples, spec.seed)
    chosen = [(view.prospect(part.plan), part.share) for part in reversed(found.parts) if part.plan is not None]
    deferring = any(p.plan.strategy == "cascade" for p, _ in chosen)
    failed = f"{len(drawn.failed)} times no sample came back in the pilot, which counts as wrong."
    return Decided(
        menu=menu,
        beliefs=beliefs,
        accuracy=accuracy,
        cost_usd=cost_usd,
        spread=found,
        chosen=tuple(Chosen(p.name, share, p.accuracy, p.cost_usd) for p, share in chosen),
        places=tuple(places),
        samples=samples,
        pilot_usd=pilot_usd,
        left_usd=left_usd,
        notes=(
            *left_out,
            *(() if deferring else unpaying(menu, beliefs)),
            *((failed,) if drawn.failed else ()),
        ),
    )
