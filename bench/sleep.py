"""Notes made beforehand on real models: accuracy against online tokens, cost against questions a context.

python bench/sleep.py --out DIR [--questions 200] [--small MODEL] [--large MODEL] [--rewrites 2] [--note-tokens 256]
    [--levels 0 1 2 3 4] [--answers MODEL] [--sources none small large generator]

A quarter of the questions stand alone on their context (GSM8K test items split by the paper's rule, in
tests/data/stateful-gsm8k), the others come ten to a context (task shop_stock). The small model, or the one that
`--answers` names, answers each without notes and with notes by the small model, by the large one, and by the generator
or the reference solution's intermediate values (an upper bound), at five verbosity levels. Notes are made by the
product's own offline jobs; answers go through its `notes` framing. Everything is kept in DIR (its own ledger, the call
cache on): after an interruption the same command goes on there and buys nothing twice. `--report` only prints what is
there. Prints tables and DIR/report.json, and writes a chart, DIR/sleep.vl.json, for bench/picture.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct

sys.path.insert(0, str(Path(__file__).parent))
import sleep_report
from arms import positive

from outlay.budget import Limits
from outlay.config import read
from outlay.engine import Outlay
from outlay.errors import NoAnswer, UsageError
from outlay.money import Price, cost_nusd
from outlay.prompts.answer_format import ANSWER_ALONE
from outlay.prompts.notes import LEVELS, VERSION
from outlay.sleep._worker import job_id, work_one
from outlay.store.contexts import Context, Notes, context_id
from outlay.store.sleeping import Sleeping
from outlay.tasks import Item
from outlay.tasks.shop_stock import context as shop_context
from outlay.tasks.shop_stock import facts, shop_stock
from outlay.types import Question, Sampling, Usage

DATA = Path(__file__).parent.parent / "tests" / "data" / "stateful-gsm8k" / "items.jsonl"
PER_CONTEXT = 10
ALONE = 4
"""Of so many questions, one stands alone on its context."""
GOODS = 4
MOST_OUTPUT_TOKENS = 320
FREELY = 10**15
"""The offline budget, in nano-dollars: what is measured is what is spent, so nothing holds it back."""
MOST_USD = 1_000
"""Of a run: a job holds what is left of it from the offline budget, which has room for many jobs at once."""
PLAIN_LEVELS = (
    'Answer in one sentence: "The answer is" and the answer.',
    "Give one short sentence of explanation, then the answer.",
    "Give two short sentences of explanation, then the answer.",
    "Write as much as you need to be right and no more, with the answer at the end.",
    "Reason step by step. The answer comes at the end.",
)
"""The five levels without notes: the same demands, without a word of notes."""


class Asked(Struct, frozen=True):
    """One question with its context, its key, and the notes of somebody who knows."""

    group: str
    id: str
    context: str
    question: str
    key: str
    upper: str

    def item(self, temperature: float) -> Item:
        """As an item to be asked and judged."""
        sampling = Sampling(temperature=temperature, max_output_tokens=MOST_OUTPUT_TOKENS)
        text = f"{self.context}\n\n{self.question}"
        return Item(Question.of(text, id=self.id, kind="number", sampling=sampling), self.key)


def asked(questions: int, seed: int) -> list[Asked]:
    """The questions of both kinds, at least one of each."""
    alone = max(questions // ALONE, 1)
    shops = shop_stock(max(questions - alone, 1), seed, per_context=PER_CONTEXT, goods=GOODS)
    found = []
    for number, item in enumerate(shops):
        shop = number // PER_CONTEXT
        text = str(item.question.messages[0]["content"])
        on = shop_context(seed, shop, GOODS)
        rest = text.removeprefix(on).strip()
        upper = facts(seed, shop, GOODS)
        found.append(Asked("shop", item.question.id, on, rest, str(item.reference), upper))
    lines = DATA.read_text("utf-8").splitlines()[:alone]
    for row in map(json.loads, lines):
        found.append(
            Asked("gsm", f"gsm-{row['idx']}", row["context"], row["question"], row["final_answer"], _steps(row))
        )
    return found


def _steps(row: dict[str, str]) -> str:
    """The intermediate results of the reference solution, without the last one, which is the answer."""
    marks = re.findall(r"<<([^=<>]+)=([^<>]+)>>", row["answer"])
    steps = [f"{left} = {right}" for left, right in marks if right != row["final_answer"]]
    return "\n".join(steps) or "Nothing can be worked out beforehand."


async def make_notes(seller: Outlay, model: str, contexts: list[str], options: argparse.Namespace) -> None:
    """Have a model's notes on every context made by offline jobs, those that are not done yet."""
    store = cast(Sleeping, seller.store)
    for text in contexts:
        detail = {
            "context": context_id(text),
            "model": model,
            "rewrites": options.rewrites,
            "tokens": options.note_tokens,
            "temperature": 0.0,
        }
        told = msgspec.json.encode(detail, order="deterministic").decode()
        id = job_id(seller.tenant, detail["context"], "digest_context", detail)
        await store.add_job(id, "digest_context", seller.tenant, told, time.time_ns() // 1000, model=model)

    async def work() -> None:
        while (ended := await work_one(seller, store)) is not None:
            note(f"notes by {model}: {ended.state}, {ended.why}")

    async with asyncio.TaskGroup() as group:
        for _ in range(options.slots):
            group.create_task(work())


async def answer_all(
    seller: Outlay, all_asked: list[Asked], sources: dict[str, str], levels: list[int], out: Path, slots: int
) -> None:
    """Buy every answer that is not in the folder yet.

    All questions on one context with one set of notes are asked one after the other, so that a slot of a local model
    still holds what they begin with; `slots` such series run at once.
    """
    done = {sleep_report.place(row) for row in sleep_report.outcomes(out)}
    series = ((questions, source) for questions in _by_context(all_asked) for source in sources)
    price = (await seller.card()).price
    wanted = {(one.id, source, level) for one in all_asked for source in sources for level in levels}
    begun, left, bought = time.monotonic(), len(wanted - done), 0
    with out.open("a", encoding="utf-8") as file:

        async def lane() -> None:
            nonlocal bought
            for questions, source in series:
                for level in levels:
                    for one in questions:
                        if (one.id, source, level) in done:
                            continue
                        row = await _answered(seller, one, source, sources[source], level, price)
                        file.write(json.dumps(row) + "\n")
                        file.flush()
                        bought += 1
                minutes = (time.monotonic() - begun) / max(bought, 1) * (left - bought) / 60
                note(f"{bought} of {left} answers, about {minutes:.0f} min left")

        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(lane())


def _by_context(all_asked: list[Asked]) -> list[list[Asked]]:
    """The questions of each context, kinds mixed, so that a run that was stopped has its share of both."""
    by_context: dict[str, list[Asked]] = {}
    for one in all_asked:
        by_context.setdefault(one.context, []).append(one)
    of_kind: dict[str, list[list[Asked]]] = {}
    for questions in by_context.values():
        of_kind.setdefault(questions[0].group, []).append(questions)
    placed = [(n / len(kind), questions) for kind in of_kind.values() for n, questions in enumerate(kind)]
    return [questions for _, questions in sorted(placed, key=lambda pair: pair[0])]


async def _answered(
    seller: Outlay, one: Asked, source: str, model: str, level: int, price: Price | None
) -> dict[str, object]:
    item = one.item(0.0)
    framings = [] if source == "none" else [f"notes:level={level},model={model!r}"]
    question = _plain(item.question, level) if source == "none" else item.question
    row: dict[str, object] = {
        "group": one.group,
        "id": one.id,
        "context": context_id(one.context),
        "source": source,
        "level": level,
    }
    try:
        answer = await seller.ask(question, framings=framings)
    except NoAnswer as failure:
        return row | {"correct": False, "failed": str(failure), "cost_nusd": 0, "input": 0, "output": 0}
    score = await seller.judge(item, answer.answer, answer.text)
    # What a prompt shares with the one before depends on the order of this bench, so all of it counts as read anew.
    used = Usage(answer.usage.input_tokens, answer.usage.output_tokens)
    return row | {
        "correct": score >= 1,
        "cost_nusd": None if price is None else cost_nusd(price, used),
        "input": used.input_tokens,
        "output": used.output_tokens,
        "text": answer.text,
    }


def _plain(question: Question, level: int) -> Question:
    messages = ({"role": "system", "content": PLAIN_LEVELS[level]}, *question.messages)
    if level < 3:
        line = f"{messages[-1]['content']}\n\n{ANSWER_ALONE['number']}"
        messages = (*messages[:-1], {**messages[-1], "content": line})
    return msgspec.structs.replace(question, messages=messages)


async def buy(options: argparse.Namespace) -> None:
    """Make the notes and buy the answers; what is in the folder is not bought again."""
    all_asked = asked(options.questions, options.seed)
    asked_rows = [msgspec.to_builtins(a) for a in all_asked]
    (options.out / "asked.json").write_text(json.dumps(asked_rows, indent=1), "utf-8")
    contexts = list(dict.fromkeys(a.context for a in all_asked))
    upper = {a.context: a.upper for a in all_asked}
    ledger = options.out / "ledger.db"
    run_id = f"sleep-bench-{options.seed}"
    async with Outlay(
        options.small,
        store=ledger,
        cache=True,
        seed=options.seed,
        run_id=run_id,
        config=read(),
        limits=Limits.of(max_usd=MOST_USD),
    ) as small:
        store = cast(Sleeping, small.store)
        await store.set_offline_budget(small.tenant, FREELY)
        for number, text in enumerate(contexts):
            id = context_id(text)
            await store.add_context(Context(id, small.tenant, f"bench {number}", text, "added", None, None, 1))
            known = {n.model for n in await store.notes(id, tenant=small.tenant)}
            if "generator" not in known:
                await store.put_notes(Notes(small.tenant, id, VERSION, "generator", upper[text]))
        names = {}
        for source, model in (("small", options.small), ("large", options.large)):
            async with small.beside(model) as writer:
                names[source] = (await writer.card()).name
                await make_notes(writer, names[source], contexts, options)
        sources = {"none": "", **names, "generator": "generator"}
        sources = {source: sources[source] for source in options.sources}
        offline = []
        for text in contexts:
            for n in await store.notes(context_id(text), tenant=small.tenant):
                offline.append(msgspec.to_builtins(n) | {"source": _source(n.model, names)})
        (options.out / "notes.json").write_text(json.dumps(offline, indent=1), "utf-8")
        outcomes = options.out / "outcomes.jsonl"
        async with small.beside(options.answers or options.small) as answering:
            await answer_all(answering, all_asked, sources, options.levels, outcomes, options.slots)


def same(options: argparse.Namespace) -> None:
    """Refuse a folder of other models, another seed or other notes.

    Raises:
        UsageError: it holds answers to something else.
    """
    path = options.out / "bought.json"
    names = ("small", "large", "answers", "seed", "rewrites", "note_tokens")
    now = {name: getattr(options, name) for name in names}
    if path.exists() and (before := json.loads(path.read_text("utf-8"))) != now:
        raise UsageError(f"{options.out} holds answers to {before}, not {now}; choose another folder.")
    path.write_text(json.dumps(now), "utf-8")


def _source(model: str, names: dict[str, str]) -> str:
    return next((source for source, name in names.items() if name == model), model)


def note(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Buy what is missing, then report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=positive, default=200)
    parser.add_argument("--small", default="local/qwen2.5-coder-0.5b")
    parser.add_argument("--large", default="local/qwen2.5-coder-1.5b")
    parser.add_argument("--answers", help="who answers; the small model unless named")
    parser.add_argument(
        "--sources",
        nargs="+",
        choices=sleep_report.SOURCES,
        default=list(sleep_report.SOURCES),
        help="whose notes",
    )
    parser.add_argument("--rewrites", type=int, default=2)
    parser.add_argument("--note-tokens", type=int, default=256)
    parser.add_argument("--levels", type=int, nargs="+", default=list(range(len(LEVELS))))
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report:
        same(options)
        asyncio.run(buy(options))
    sleep_report.report(options.out)


if __name__ == "__main__":
    main()
