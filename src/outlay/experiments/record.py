"""From the answers of an experiment to recordings: every sample drawn, judged once by the task's scorer, and what
verifiers said of it.

A recording is a pool that strategies run on again without a model; `recorded/FILE` serves it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from msgspec import Struct

from outlay import __version__, config
from outlay.door.classify import classify
from outlay.errors import OutlayError, UsageError
from outlay.experiments.experiment import read_outcomes, read_spec
from outlay.experiments.verdicts import Heard, verdicts_of
from outlay.models.provider import Card
from outlay.models.recording import (
    FORMAT,
    VERSION,
    RecordedQuestion,
    RecordedSample,
    RecordedVerdict,
    Recording,
)
from outlay.models.recording_file import write
from outlay.report.outcome import Outcome
from outlay.run import WORK_S
from outlay.sandbox.killable import WorkerFailed, WorkerKilled, Workers
from outlay.store.protocol import Store
from outlay.tasks import CORRECT, Item, Task, open_task
from outlay.trace import Trace
from outlay.types import Completion, Plan, Pool, Question, Sample

DRAWS = "default/draw/"
"""How the keys of a strategy's own samples begin in a trace."""


class Recorded(Struct, frozen=True):
    """A recording that was written: where, and how many samples of how many questions.

    `verdicts` counts the checks in it; `unread` says why those of some answers could not be read, empty if all were.
    """

    path: Path
    model: str
    task: str
    questions: int
    samples: int
    verdicts: int = 0
    unread: str = ""


class _Drawn(Struct):
    """What the traces of one question hold: samples and verdicts by index, the question as asked, the model's card."""

    samples: dict[int, Completion] = {}
    question: Question | None = None
    card: Card | None = None
    verdicts: Heard = {}
    unread: str = ""


async def record(out: Path, *, store: Store | None = None) -> list[Recorded]:
    """Write the samples of an experiment's folder to `out/recordings`, one file a model and task.

    Samples of all strategies are joined: the same index is the same draw. Every question keeps the samples with
    the lowest indices, as many as the question with the fewest has, so that an adaptive plan's stopping selects
    none; failed samples are no samples, and a question without any is left out. Verdicts of verifiers that do not
    see the key stand at the samples that they were given on; where two plans had a sample checked by the same
    verifier, the answer with more checks of it counts, so that nothing is counted as a repeat that is none.

    Args:
        out: the folder of a bench.
        store: the ledger that it was bought through; None is the one in outlay's home.

    Returns:
        What was written, by model and task; a pair without any sample is left out.

    Raises:
        UsageError: the folder holds no experiment, or the ledger does not hold its traces.
        OutlayError: a file cannot be written.

    Cost: nothing is bought.
    """
    if store is None:
        from outlay.store.sqlite import Sqlite

        own = await Sqlite.open(config.database())
        try:
            return await record(out, store=own)
        finally:
            await own.close()
    spec, outcomes = read_spec(out).spec, read_outcomes(out)
    made: list[Recorded] = []
    async with Workers() as workers:
        for task in (open_task(t, questions=spec.questions, seed=spec.seed) for t in spec.tasks):
            for model in spec.models:
                drawn = await _drawn(store, [o for o in outcomes if (o.task, o.model) == (task.name, model)])
                if drawn:
                    made.append(await _write(out / "recordings", model, task, drawn, workers))
    return made


async def _drawn(store: Store, outcomes: Sequence[Outcome]) -> dict[str, _Drawn]:
    """What was drawn for each question, read from the traces of its answers."""
    found: dict[str, _Drawn] = {}
    for outcome in outcomes:
        if not outcome.trace_id:
            continue
        text = await store.trace(outcome.trace_id)
        if text is None:
            raise UsageError(
                f"The ledger does not hold the trace {outcome.trace_id}; record with the OUTLAY_HOME "
                f"of the bench."
            )
        drawn = found.setdefault(outcome.question_id, _Drawn())
        events = Trace.decode(text.encode()).events
        _gather(drawn, events)
        if outcome.verifier and not outcome.oracle:
            await _hear(drawn, text.encode(), msgspec.convert(events[0]["plan"], Plan))
    return {id: d for id, d in found.items() if d.samples}


async def _hear(drawn: _Drawn, trace: bytes, plan: Plan) -> None:
    """Add an answer's verdicts; a trace of other code still has its samples."""
    try:
        heard = await verdicts_of(trace, plan)
    except OutlayError as error:
        drawn.unread = drawn.unread or str(error)
        return
    for index, said in heard.items():
        held = drawn.verdicts.setdefault(index, [])
        mine = [v for v in held if v.verifier == plan.verifier]
        if len(said) > len(mine):
            drawn.verdicts[index] = [v for v in held if v.verifier != plan.verifier] + said


def _gather(drawn: _Drawn, events: Sequence[Mapping[str, Any]]) -> None:
    for event in events:
        if event["event"] == "open":
            drawn.question = msgspec.convert(event["question"], Question)
            drawn.card = msgspec.convert(event["cards"]["default"], Card)
        elif event["key"].startswith(DRAWS) and event["event"] in ("settle", "ask"):
            held = event.get("completions" if event["event"] == "settle" else "hits") or ()
            for completion in msgspec.convert(held, list[Completion]):
                drawn.samples.setdefault(completion.sample, completion)


async def _write(
    folder: Path, model: str, task: Task, drawn: Mapping[str, _Drawn], workers: Workers
) -> Recorded:
    items = [item for item in task if item.question.id in drawn]
    fewest = min(len(drawn[item.question.id].samples) for item in items)
    questions = tuple([await _question(item, drawn[item.question.id], fewest, workers) for item in items])
    first = drawn[items[0].question.id]
    assert first.question is not None
    assert first.card is not None
    recording = Recording(
        FORMAT,
        VERSION,
        model,
        task.name,
        first.card.price,
        first.question.sampling,
        questions,
        note=f"Recorded by outlay {__version__} from {first.card.name}; every sample has a seed of its own.",
    )
    path = folder / f"{_plain(model)}-{_plain(task.name)}.json"
    write(path, recording)
    checks = sum(len(s.verdicts) for q in questions for s in q.samples)
    unread = next((drawn[item.question.id].unread for item in items if drawn[item.question.id].unread), "")
    return Recorded(path, model, task.name, len(questions), fewest, checks, unread)


async def _question(item: Item, drawn: _Drawn, fewest: int, workers: Workers) -> RecordedQuestion:
    kept = [drawn.samples[i] for i in sorted(drawn.samples)[:fewest]]
    kind = drawn.question.kind if drawn.question else None
    bare = Pool(item.question.id, kind, tuple(Sample(i, completion=c) for i, c in enumerate(kept)))
    pool = await classify(bare, _work(workers))
    samples = [
        await _sample(item, s, c, drawn.verdicts.get(c.sample, ()), workers.call)
        for s, c in zip(pool.samples, kept, strict=True)
    ]
    return RecordedQuestion(
        item.question.id,
        item.question.messages,
        kind,
        item.reference or "",
        kept[0].usage.input_tokens,
        tuple(samples),
    )


async def _sample(
    item: Item,
    sample: Sample,
    completion: Completion,
    verdicts: Sequence[RecordedVerdict],
    call: Callable[..., Any],
) -> RecordedSample:
    score = await item.judge(sample.answer, completion.text, call)
    logps = [token.logp for token in completion.logprobs or ()]
    return RecordedSample(
        completion.text,
        completion.usage.output_tokens,
        completion.finish_reason,
        score >= CORRECT,
        sample.answer,
        sample.key if sample.key != sample.answer else None,
        fmean(logps) if logps else None,
        tuple(verdicts),
    )


def _work(workers: Workers) -> Callable[[str, str, list[str]], Any]:
    """Comparison in killable workers; where one fails, spellings are the classes."""

    async def work(key: str, target: str, values: list[str]) -> list[int] | None:
        try:
            return await workers.call(target, values, timeout_s=WORK_S)
        except (WorkerFailed, WorkerKilled):
            return None

    return work


def _plain(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", name)[:80].strip("._") or "unnamed"
