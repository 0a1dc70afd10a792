"""Cascade: the small model's answer where its samples agree, shown solved examples; else the large model's."""

from __future__ import annotations

import msgspec

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, MESSAGE_OVERHEAD
from outlay.door.embedding import LARGEST
from outlay.errors import UsageError
from outlay.framings._placing import JSON_BYTES
from outlay.framings._solved import Windows, asked, digest, look_up, note, source_of, space, vector_of
from outlay.framings._solved import shown as with_examples
from outlay.framings.demonstrations import Examples, adds
from outlay.framings.demonstrations import bound as looking
from outlay.prompts import demonstrations as prompts
from outlay.prompts.answer_format import VERSION as ASKED_WITH
from outlay.prompts.episode import LARGEST_PROMPT
from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer, draws, need_kind, price_of_one_more, representative
from outlay.store.kept import CascadeStep, Demonstration
from outlay.strategies._agreeing import Stand, Taken, Terms, standing, stream_of, take
from outlay.strategies._episode import PLAN_TOKENS, Episode
from outlay.types import Answer, Bound, Count, Draws, Pool, Question, Share

NEEDS = frozenset({"chat"})
OPERATORS = ("environment",)
"""An environment is code: no caller of a gateway may name one."""
SURROUNDINGS = 500
"""Bytes of JSON around the messages of a step, tools and formats aside."""
ONE_CHAIN = True
"""A failure of the large model is a failure: with one sample of it nothing else may stand in."""


def bound(
    question: Question,
    *,
    n: Count = 3,
    m: Count = 1,
    k: Examples = 6,
    audit: Share = 0.05,
    accuracy: Share = 0.9,
    environment: str | None = None,
    steps: Count = 30,
) -> Bound:
    """Worst case: n draws of the small model with k examples, m of the large one, and one embedding; so each step."""
    if environment is not None:
        return _of_episode(question, n, m, k, steps)
    small = draws(question, n, role="small").by_role["small"]
    shown = Draws(n, small.input_tokens + n * adds(question, k=k), small.output_tokens)
    return Bound({"small": shown, **draws(question, m, role="large").by_role, **looking(question, k=k).by_role})


async def cascade(
    run: Run,
    question: Question,
    *,
    n: Count = 3,
    m: Count = 1,
    k: Examples = 6,
    audit: Share = 0.05,
    accuracy: Share = 0.9,
    environment: str | None = None,
    steps: Count = 30,
) -> Answer:
    """The small model's answer if n samples of it agree, each shown k solved questions; else the large model's.

    What the large model solves is kept as an example for later questions of the tenant, in the same commit as the
    answer. The small model is not asked where N c_s / c_t says that it cannot pay, or where it agrees with itself too
    seldom for that; one question in twenty is then still tried. A share of the agreed questions is put to the large
    model too: its answer is served, and whether it matched is remembered. When that falls, by the drift alarm or below
    `accuracy`, every agreed question is audited until it has recovered.

    Args:
        run: what to buy through; its roles `small`, `large` and `embed`. Without `embed` there are no examples.
        question: what is asked; it needs an answer kind.
        n: samples of the small model. With 1 it never defers but where it gives no answer.
        m: samples of the large model, of which the most frequent answer stands.
        k: examples shown to the small model; 0 makes it a plain cascade. The large one is shown none.
        audit: the share of agreed questions that the large model answers too.
        accuracy: how often agreement must match the large model, as far as the 60 newest audits can tell.
        environment: `package.module:make` of a text environment whose goal the question states; every step of the
            episode is then such a question, and the steps of episodes that succeed are kept, each found by goal, plan
            and observation together. `make(goal, seed)` gives an object with `rules` (the grammar of actions),
            `reset()` and `step(action)`, which return {"observation": …, "done": …, "success": …}.
        steps: the most steps of an episode.

    Raises:
        UsageError: a temperature of 0 with more than one sample: they would agree always; or an environment that is
            none.

    Cost: n draws of the small model and one embedding; m draws of the large one unless the small ones agree. In an
        episode so much a step, and a plan by the small model.
    Source: In-context distillation with self-consistency cascades, Sarukkai et al. 2025 (arXiv 2512.02543), for
        episodes of any length. Audits, the drift alarm, the price rule and growing the store while serving are ours,
        and the window of one step around a hit, the equal weight of the keys and the guard against repetition.
    Example: `outlay ask "17 * 23?" --kind number --strategy cascade --model small=A --model large=B`
    """
    if environment is None:
        need_kind(question, "cascade")
    if n > 1 and question.sampling.temperature == 0:
        raise UsageError("cascade tells trust from disagreement, and at temperature 0 samples cannot disagree.")
    if k and run.card("small").identity.startswith("recorded/"):
        note(run, "no examples: a recorded model repeats what it once said to the bare question")
        k = 0
    terms = Terms(n, m, audit, accuracy)
    if environment is not None:
        return await Episode(run, question, environment, terms, k).play(steps)
    stream = stream_of(run, question, terms)
    stand = await standing(run, question, terms, stream)
    vector_D = await vector_of(run, asked(question)) if k else None
    found: Windows = []
    if vector_D is not None and stand.tries:
        found = await look_up(run, space(run, question, "answers"), vector_D, k, but=source_of(question))
    shown = with_examples(question, found)
    run.emit("progress", examples=len(found), asks="small" if stand.tries else "large")
    taken = await take(run, question, shown, terms, stand)
    run.left.append(CascadeStep(stream, taken.outcome, taken.small_nusd, taken.large_nusd))
    choice = vote(taken.pool)
    told = answer(
        run, question, taken.pool, choice, stopped=_told(taken, stand, len(found)), **_sure(taken, stand)
    )
    if taken.taught and told.key is not None and vector_D is not None:
        run.left.append(_demonstration(run, question, taken.pool, told, vector_D.astype("<f4").tobytes()))
    return msgspec.structs.replace(told, next_sample_nusd=price_of_one_more(run, taken.pool, role=taken.role))


def _of_episode(question: Question, n: int, m: int, k: int, steps: int) -> Bound:
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    prompt = JSON_BYTES * (LARGEST_PROMPT + SURROUNDINGS) + 4 * MESSAGE_OVERHEAD
    shown = prompt + JSON_BYTES * (k * prompts.LARGEST_STEPS + prompts.LARGEST_WORDS)
    small = Draws(n * steps + 1, (n * steps + 1) * shown, n * steps * most + PLAN_TOKENS)
    found = {"embed": Draws(steps + 2, (steps + 2) * (LARGEST + MESSAGE_OVERHEAD), 0)} if k else {}
    return Bound({"small": small, "large": Draws(m * steps, m * steps * prompt, m * steps * most), **found})


def _demonstration(run: Run, question: Question, pool: Pool, told: Answer, vector: bytes) -> Demonstration:
    """The large model's solution. Tool calls stand in it as their canonical text."""
    assert told.key is not None
    chosen = representative(pool, told.key)
    text = chosen.completion.text if chosen.completion is not None else ""
    model, source = run.card("large").identity, source_of(question)
    return Demonstration(
        space=space(run, question, "answers"),
        id=digest(source, ASKED_WITH, prompts.VERSION, model),
        source=source,
        position=0,
        goal=prompts.cut(asked(question), prompts.LARGEST),
        plan="",
        observation="",
        reasoning=prompts.cut(text, prompts.LARGEST) if text.strip() else "",
        action=prompts.cut(chosen.answer or told.key, prompts.LARGEST),
        model=model,
        prompts=ASKED_WITH,
        verified=False,
        vector=vector,
    )


def _sure(taken: Taken, stand: Stand) -> dict:
    if taken.taught or stand.matched is None:
        return {}
    source = f"how often agreement matched the large model in {stand.audits} audits, not calibrated"
    return {"p_correct": stand.matched, "p_source": source}


def _told(taken: Taken, stand: Stand, found: int) -> str:
    shown = f"; {found} examples shown" if found and taken.outcome != "outright" else ""
    alarm = f"; {stand.why}" if stand.why and stand.why != taken.why else ""
    return f"{taken.why}{shown}{alarm}"
