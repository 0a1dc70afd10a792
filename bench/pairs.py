"""A small and a large model on one chain of thought: every way to share it, over its whole range of thresholds.

python bench/pairs.py DIR                          200 questions of chain_sum, Qwen2.5-Coder-0.5B with 1.5B
python bench/pairs.py DIR --questions 2            a first try
python bench/pairs.py DIR --only '50%' '20%'       the arms whose names hold one of these, and the models alone
python bench/pairs.py DIR --table                  the table of what is there; buys nothing
python bench/pairs.py DIR --speeds                 measure speeds anew, on a quiet machine
python bench/pairs.py DIR --live                   then the best three arms once more, bought anew, timed alone
python bench/pairs.py DIR --task 'reasoning_gym/gsm_symbolic'      another task (needs the extra `tasks`)

Stop it at any moment; the same command goes on. All arms buy through one call cache in DIR, and draws are named by
model and prefix: what two arms have in common is drawn once, which makes DIR the recording. Thresholds are quantiles
of the signals on questions of another seed. The table needs no model.

The task: sums of four to six terms of two or three digits. Both models know the operations; the small one slips on most
chains, the large one on some, so there is something to route for. A line is a step.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from arms import positive
from hints import hinted
from pairs_table import Arm, Row, Speeds, best_arms, print_table, read_rows

from outlay.engine import Outlay
from outlay.experiments.calibrating import chained, dial_of, signals_of
from outlay.models.local import local
from outlay.prompts import grade
from outlay.skeletons.pair import Chain, Counts
from outlay.tasks import CORRECT, Item, open_task
from outlay.types import Question, Request, Sampling

MODELS = Path.home() / ".cache/outlay-test-models"
TASK = "chain_sum?min_terms=4&max_terms=6&min_digits=2&max_digits=3"
SHARES = (0.9, 0.7, 0.5, 0.3, 0.1)
"""Shares of drafts that the thresholds aim to keep."""
SHAPE = "separator='\\n',step_tokens=64,max_steps=24"
STRATEGIES = ("speculative_reasoning", "glimpse", "arbitrage")
CHECK = "estimator=verifier,verifier=step_rules"
CHECKED = {
    "checked, shown wrong": "tau=0.75",
    "checked, not shown right": "tau=0.25",
    "checked, drawn again": "tau=0.25,redraws=8",
    "checked, large only": "first_large=1000,redraws=8",
}
"""What the large model writes anew: drafts whose 1 - score is above tau; `step_rules` scores 0, 0.5 or 1. Where its own
steps are shown wrong they are drawn again up to eight times a chain, in the control too, where it writes all."""
TEMPERATURE, MAX_OUTPUT_TOKENS = 0.6, 320


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--task", default=TASK)
    parser.add_argument("--questions", type=positive, default=200)
    parser.add_argument("--calibration", type=int, default=24, help="questions that thresholds are chosen on")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=SHARES, help="of drafts to keep, an arm each"
    )
    parser.add_argument("--small", default=str(MODELS / "qwen-0.5b.gguf"))
    parser.add_argument("--large", default=str(MODELS / "qwen-1.5b.gguf"))
    parser.add_argument("--only", nargs="+", default=[""], help="buy arms whose names hold one of these")
    parser.add_argument("--at-once", type=int, default=4, help="questions in flight")
    parser.add_argument("--table", action="store_true", help="the table of what is there")
    parser.add_argument(
        "--speeds", action="store_true", help="measure the models' speeds anew, on a quiet machine"
    )
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--live-questions", type=int, default=30)
    return parser.parse_args()


def prepared(question: Question) -> Question:
    """The question with a hint at the shape of its steps, and how it is drawn."""
    sampling = Sampling(temperature=TEMPERATURE, max_output_tokens=MAX_OUTPUT_TOKENS)
    return msgspec.structs.replace(hinted(question), sampling=sampling)


async def speed(model: local) -> tuple[float, float]:
    """Seconds a token read and a token written, alone, on a prompt that was never read."""
    rng = random.Random(time.time_ns())
    words = " ".join(str(rng.randrange(10**6)) for _ in range(24))
    asked = Request(
        ({"role": "user", "content": f"Repeat: {words}"},), 64, sampling=Sampling(extra={"ignore_eos": True})
    )
    read = await model.count_input(asked) or 0
    start, first, written = time.perf_counter(), 0.0, 0
    async for delta in model.stream(asked):
        first = first or (time.perf_counter() if delta.text else 0.0)
        written = delta.usage.output_tokens if delta.usage else written
    end = time.perf_counter()
    return (first - start) / read, (end - first) / max(written - 1, 1)


async def speeds(out: Path, small: local, large: local, question: Question, anew: bool) -> Speeds:
    """The speeds, measured once unless `anew`; and the tokens of the question's prompt and of a grade's turn."""
    path = out / "speeds.json"
    if path.exists() and not anew:
        return msgspec.json.decode(path.read_bytes(), type=Speeds)
    (read_s, write_s), (read_l, write_l) = await speed(small), await speed(large)
    prompt = await large.count_input(Request(question.messages, 1)) or 0
    graded = Request(grade.messages(question.messages, ""), 1, prefix=grade.BEGUN)
    turn = (await large.count_input(graded) or 0) - prompt
    found = Speeds(read_s, write_s, read_l, write_l, prompt, turn)
    path.write_bytes(msgspec.json.encode(found))
    return found


async def arms(out: Path, shop: Outlay, task: str, questions: int, shares: Sequence[float]) -> list[Arm]:
    """The two models alone, every strategy at the quantiles of its signal, a sound check, and chance at the same rates.

    Arms of an earlier call stay as they are; shares that are new add theirs.
    """
    path = out / "arms.json"
    kept = msgspec.json.decode(path.read_bytes(), type=list[Arm]) if path.exists() else []
    items = list(open_task(task, questions=questions, seed=10_001))
    found = [
        Arm("large alone", f"speculative_reasoning:tau=0,first_large=1000,{SHAPE}", "large"),
        Arm("small alone", f"arbitrage:estimator=chance,tau=1,{SHAPE}", "small"),
    ]
    for name in STRATEGIES:
        spec = f"{name}:{SHAPE}"
        dial = dial_of(spec)[2]
        seen = await chained(shop, spec, dial.keeps_all, items, prepared)
        say("calibrated", name)
        signals = signals_of(seen)
        for tau in dict.fromkeys(dial.at(signals, share) for share in shares):
            aimed = dial.share(signals, tau)
            found.append(Arm(f"{name} {aimed:.0%}", f"{name}:tau={tau!r},{SHAPE}", name))
    found += [Arm(name, f"arbitrage:{CHECK},{rule},{SHAPE}", "arbitrage") for name, rule in CHECKED.items()]
    found += [
        Arm(f"chance {share:.0%}", f"arbitrage:estimator=chance,tau={share},{SHAPE}", "chance")
        for share in shares
    ]
    known = {arm.name for arm in kept}
    found = kept + [arm for arm in found if arm.name not in known]
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    return found


async def buy(shop: Outlay, arm: Arm, item: Item) -> Row:
    told: list[tuple[Counts, Chain]] = []
    start = time.perf_counter()
    answer = await shop.buy(
        prepared(item.question),
        await shop.plan(arm.spec),
        listener=lambda e: told.append((e["counts"], e["chain"])) if e["event"] == "pair" else None,
    )
    wall_s = time.perf_counter() - start
    right = await shop.judge(item, answer.answer, answer.text) >= CORRECT
    counts, chain = told[0]
    steps = [(s.role, s.tokens, s.dropped_tokens, s.signal) for s in chain.steps]
    in_steps = sum(s.tokens for s in chain.steps if s.role == "large")
    return Row(
        arm.name, item.question.id, right, answer.key is not None, steps, counts.large_tokens - in_steps,
        answer.cost_nusd or 0, answer.paid_nusd or 0, wall_s, answer.missing,
    )  # fmt: skip


async def run(
    out: Path, shop: Outlay, chosen: Sequence[Arm], items: Sequence[Item], at_once: int, file: str
) -> None:
    """Every arm on every question, question by question, so that arms find each other's prefixes warm."""
    done = {(r.arm, r.question_id) for r in read_rows(out / file)}
    room = asyncio.Semaphore(at_once)
    with (out / file).open("ab") as rows:

        async def question(number: int, item: Item) -> None:
            async with room:
                for arm in chosen:
                    if (arm.name, item.question.id) not in done:
                        rows.write(msgspec.json.encode(await buy(shop, arm, item)) + b"\n")
                        rows.flush()
                say(f"question {number + 1} of {len(items)}", item.question.id)

        async with asyncio.TaskGroup() as group:
            for number, item in enumerate(items):
                group.create_task(question(number, item))


async def main(given: argparse.Namespace) -> None:
    out: Path = given.out
    if not given.table:
        small, large = local(given.small), local(given.large)
        items = list(open_task(given.task, questions=given.questions, seed=1))
        pair: dict[str, Any] = {"default": large, "small": small}
        async with Outlay(pair, store=out / "ledger.db", cache=True, what="pairs") as shop:
            await speeds(out, small, large, prepared(items[0].question), given.speeds)
            chosen = await arms(out, shop, given.task, given.calibration, given.shares)
            wanted = [arm for arm in chosen if any(part in arm.name for part in ("alone", *given.only))]
            await run(out, shop, wanted, items, given.at_once, "rows.jsonl")
            if given.live:
                async with Outlay(pair, store=out / "live.db", cache=False, what="pairs live") as live:
                    best = best_arms(out)
                    await run(out, live, best, items[: given.live_questions], 1, "live.jsonl")
    print_table(out)


def say(what: str, where: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}: {where}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(asked))
