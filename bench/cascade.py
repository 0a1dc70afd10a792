"""A cascade with in-context distillation on real models: cost, deferral and accuracy as the store grows.

python bench/cascade.py --out DIR [--questions 600] [--task chain_sum] [--n 3] [--k 4] [--seed 0]
    [--small local/qwen2.5-coder-0.5b] [--large local/qwen2.5-coder-1.5b] [--ratio 20] [--hint SENTENCE]
    [--arms teacher student cascade_only cascade cascade_calibrated] [--report]

Arms, all on the same stream of questions in the same order: the teacher's single answer; the vote of n samples of the
student; the cascade without examples; the cascade with k; both of these under prices at which the teacher's token costs
RATIO times the student's; and the cascade under the prices that this machine was calibrated at, where it may buy the
teacher alone and says so. A question's deferred answer is the teacher's recorded one (the call cache), so every arm
pays for the same text: teacher and student are asked ahead, a few questions at once. The bill of each arm is then told
under both price books, from its tokens.
--hint adds a sentence to every question: examples show the teacher's text, and a teacher that answers outright teaches
the student to leave out its steps. --arms buys some of the arms only; the report is over questions that all arms in DIR
have answered.

Everything is kept in DIR, with a ledger of its own: after an interruption, or with more --questions, the same
command goes on where it was and buys nothing twice. A question that an interruption hit between its answer and its
line is asked once more, from the cache. --report only prints what is there. Prints a table and writes
DIR/report.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import cast

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import cascade_report
from arms import positive
from hints import hinted

from outlay import plugins
from outlay.concurrency import together
from outlay.engine import Outlay
from outlay.models.local import local
from outlay.models.provider import Provider
from outlay.money import Price
from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer
from outlay.store.memory import Memory
from outlay.strategies._agreeing import WARM
from outlay.tasks import CORRECT, Item, open_task
from outlay.types import Answer, Bound, Count, Question, Sampling

NEEDS = frozenset({"chat"})
MAX_OUTPUT_TOKENS = 256
META = "meta.json"
ALONE = ("teacher", "student")
"""The arms whose answers depend on no earlier question."""
WINDOW = 8
"""Questions that these are asked of at once, before the streams go over them."""


def bound(question: Question, **_: object) -> Bound:
    return Bound()


async def teacher(run: Run, question: Question) -> Answer:
    """One answer of the large model: the same draw that a cascade buys when it defers."""
    pool = await run.sample(question, n=1, role="large")
    return answer(run, question, pool, vote(pool), stopped="one sample of the large model")


async def student(run: Run, question: Question, *, n: Count = 3) -> Answer:
    """The vote of the small model's samples: the same draws that a cascade without examples buys."""
    warm = msgspec.structs.replace(question.sampling, temperature=WARM)
    question = msgspec.structs.replace(question, sampling=warm)
    pool = await run.sample(question, n=n, role="small")
    return answer(run, question, pool, vote(pool), stopped=f"{n} samples of the small model")


def model(name: str, price: Price | None = None) -> Provider:
    return local(name.removeprefix("local/"), price=price)


def scaled(price: Price, ratio: float) -> Price:
    return Price(
        round(price.input_nusd_per_mtok * ratio),
        round(price.output_nusd_per_mtok * ratio),
        source=f"{ratio:g} times the student's",
        date=price.date,
    )


def strategies(n: int, k: int) -> dict[str, str]:
    """What each arm buys, and by its name under which prices: only one looks at the calibrated ones."""
    return {
        "teacher": "bench.cascade:teacher",
        "student": f"bench.cascade:student:n={n}",
        "cascade_only": f"cascade:n={n},k=0",
        "cascade": f"cascade:n={n},k={k}",
        "cascade_calibrated": f"cascade:n={n},k={k}",
    }


async def outcome_of(seller: Outlay, arm: str, kind: str, n: int) -> str:
    """How the cascade's newest step went, from the store; the arm itself for those that are none."""
    if arm in ("teacher", "student"):
        return arm
    models = [(await seller.card(role)).identity for role in ("small", "large")]
    stream = "\n".join((arm, kind, *models, f"{n}:1"))
    ((outcome, _, _),) = await cast(Memory, seller.store).cascade_steps(seller.tenant, stream, limit=1)
    return outcome


async def ask(seller: Outlay, item: Item, arm: str, strategy: str, index: int, n: int) -> dict:
    # A task class of its own gives each arm a store of its own over one call cache.
    question = msgspec.structs.replace(item.question, task_class=arm)
    told = await seller.ask(question, strategy=strategy)
    trace = (await seller.store.trace(told.trace_id) or "").splitlines()
    tokens, student_right = await roles(seller, item, [json.loads(line) for line in trace])
    return {
        "arm": arm,
        "index": index,
        "question": question.id,
        "correct": await seller.judge(item, told.answer, told.text) >= CORRECT,
        "student_correct": student_right,
        "outcome": await outcome_of(seller, arm, question.kind or "", n),
        "stopped": told.stopped,
        "tokens": tokens,
        "seconds": told.latency_s,
    }


async def roles(seller: Outlay, item: Item, trace: list[dict]) -> tuple[dict[str, list[int]], bool]:
    """Tokens by role, cached draws as if bought, and whether the small model's first answer is right."""
    tokens, first = {"small": [0, 0], "large": [0, 0]}, None
    for event in trace:
        role = event["key"].split("/")[0]
        if role not in tokens:
            continue
        drawn = event.get("hits" if event["event"] == "ask" else "completions") or []
        if drawn:
            # One request reads the prompt once for all its choices, cached or not.
            tokens[role][0] += drawn[0]["usage"]["input_tokens"]
            tokens[role][1] += sum(c["usage"]["output_tokens"] for c in drawn)
        if role == "small" and drawn and first is None:
            first = drawn[0]["text"]
    if first is None:
        return tokens, False
    kind = item.question.kind or "text"
    said = plugins.load("answer kind", kind).extract(first)
    return tokens, await seller.judge(item, said, first) >= CORRECT


async def run_all(given: argparse.Namespace, out: Path) -> None:
    small, large = model(given.small), model(given.large)
    small_price, large_price = (await small.card()).price, (await large.card()).price
    if small_price is None or large_price is None:
        raise SystemExit("Both models need a price.")
    described(out, given, small_price, large_price)
    items = list(open_task(given.task, questions=given.questions, seed=given.seed))
    bought = {arm: one for arm, one in strategies(given.n, given.k).items() if arm in given.arms}
    done = {(r["arm"], r["question"]) for r in cascade_report.outcomes(out / "stream.jsonl")}
    calibrated = {"default": small, "small": small, "large": large, "embed": "words/384"}
    async with Outlay(
        calibrated, store=out / "ledger.db", seed=given.seed, cache=True, what="bench"
    ) as at_home:
        at_ratio = {**calibrated, "large": model(given.large, scaled(small_price, given.ratio))}
        async with at_home.beside(at_ratio) as abroad:
            with (out / "stream.jsonl").open("a", encoding="utf-8") as file:

                async def buy(arm: str, index: int) -> None:
                    sampling = Sampling(max_output_tokens=MAX_OUTPUT_TOKENS)
                    asked = msgspec.structs.replace(
                        hinted(items[index].question, given.hint), sampling=sampling
                    )
                    if (arm, asked.id) in done:
                        return
                    one = msgspec.structs.replace(items[index], question=asked)
                    seller = at_home if arm == "cascade_calibrated" else abroad
                    row = await ask(seller, one, arm, bought[arm], index, given.n)
                    file.write(json.dumps(row) + "\n")
                    file.flush()
                    print(f"{index + 1}/{len(items)} {arm}: {row['outcome']}", file=sys.stderr)

                async def stream(arm: str, window: range) -> None:
                    for index in window:
                        await buy(arm, index)

                for start in range(0, len(items), WINDOW):
                    window = range(start, min(start + WINDOW, len(items)))
                    for arm in (a for a in bought if a in ALONE):
                        # One model after the other: two at work on the same cores take longer than in turn.
                        await together(buy(arm, index) for index in window)
                    # By now every answer that a cascade may defer to is in the cache.
                    await together(stream(arm, window) for arm in bought if arm not in ALONE)


def described(out: Path, given: argparse.Namespace, small: Price, large: Price) -> None:
    """Writes what a report needs besides the stream, before anything is bought: a run may be stopped."""
    one = [small.input_nusd_per_mtok, small.output_nusd_per_mtok]
    other = [large.input_nusd_per_mtok, large.output_nusd_per_mtok]
    books = {
        "calibrated": {"small": one, "large": other},
        f"ratio {given.ratio:g}": {"small": one, "large": [given.ratio * p for p in one]},
    }
    meta = {"task": given.task, "seed": given.seed, "n": given.n, "k": given.k, "prices": books}
    (out / META).write_text(json.dumps(meta, indent=2))


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--questions", type=positive, default=600)
    options.add_argument("--task", default="chain_sum")
    options.add_argument("--n", type=int, default=3)
    options.add_argument("--k", type=int, default=4)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--small", default="local/qwen2.5-coder-0.5b")
    options.add_argument("--large", default="local/qwen2.5-coder-1.5b")
    options.add_argument("--ratio", type=float, default=20.0)
    options.add_argument("--hint", default="", help="a sentence for every question, such as how to write steps")
    arms = list(strategies(0, 0))
    options.add_argument("--arms", nargs="+", choices=arms, default=arms)
    options.add_argument("--report", action="store_true")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.report:
        asyncio.run(run_all(given, given.out))
    if not (given.out / META).exists():
        raise SystemExit(f"There is no run in {given.out}; leave out --report to begin one.")
    told = cascade_report.report(given.out / "stream.jsonl", json.loads((given.out / META).read_text("utf-8")))
    (given.out / "report.json").write_text(json.dumps(told, indent=2))
    print(cascade_report.show(told))


if __name__ == "__main__":
    main()
