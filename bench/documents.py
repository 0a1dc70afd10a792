"""Documents on a real model: accuracy against effective context length, and the allocation that is fitted to it.

python bench/documents.py --out DIR [--questions 40] [--model MODEL] [--hops 1 2 3] [--least 1] [--quick] [--report]

Questions of the task corpus_qa, each under settings of (documents k, examples m, iterations n): n = 1 is the framing
`documents` in one call, n > 1 the strategy `iter_drag`. The effective context length is the sum of input tokens over
all calls for one question. Prints accuracy and longest length by setting, the best accuracy within each budget (for
every question, not on average), and the fit; writes DIR/allocation.json, which `documents:allocation=…` reads.
Everything is kept in DIR: after an interruption the same command goes on there and buys nothing twice. `--quick` takes
four settings, too few for a fit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import msgspec
import numpy as np

from outlay.config import read
from outlay.engine import Outlay
from outlay.errors import CannotSay, NoAnswer
from outlay.framings._allocated import Allocated
from outlay.laws.rag_allocation import fit, standardised
from outlay.stats.wilson import wilson
from outlay.tasks import Item, open_task

ONE_CALL = [(k, m, 1) for k in (0, 1, 3, 8) for m in (0, 1, 2)]
ITERATED = [(k, m, n) for n in (2, 3) for k, m in ((1, 0), (1, 1), (3, 0), (3, 1))]
QUICK = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 2)]
MOST_OUTPUT_TOKENS = 160
DOCUMENT_TOKENS, QUESTION_TOKENS = 110, 160
"""The longest a document of the corpus can be, with its fence, and an example or the question without documents."""


async def buy(given: argparse.Namespace) -> None:
    """Ask every question under every setting that is not in the folder yet."""
    out = given.out / "outcomes.jsonl"
    done = {place(row) for row in rows(out)}
    settings = QUICK if given.quick else ONE_CALL + ITERATED
    ledger = given.out / "ledger.db"
    async with Outlay(given.model, store=ledger, cache=True, run_id="documents-bench", config=read()) as seller:
        with out.open("a", encoding="utf-8") as file:
            for hops in given.hops:
                for item in open_task(f"corpus_qa?hops={hops}", questions=given.questions, seed=given.seed):
                    for setting in settings:
                        if (hops, item.question.id, *setting) in done:
                            continue
                        row = {"hops": hops, "id": item.question.id, "setting": setting}
                        file.write(json.dumps(row | await ask(seller, item, setting, given.least)) + "\n")
                        file.flush()


async def ask(seller: Outlay, item: Item, setting: tuple[int, int, int], least: int) -> dict:
    """What one question costs and gets under one setting."""
    k, m, n = setting
    sampling = msgspec.structs.replace(
        item.question.sampling, temperature=0.0, max_output_tokens=MOST_OUTPUT_TOKENS
    )
    question = msgspec.structs.replace(item.question, sampling=sampling)
    one = n == 1
    strategy = "single" if one else f"iter_drag:k={k},m={m},n={n},least={min(least, n)}"
    framings = [f"documents:k={k},m={m}"] if one and (k or m) else []
    try:
        answer = await seller.ask(question, strategy=strategy, framings=framings)
    except NoAnswer as failure:
        return {"correct": False, "input": 0, "calls": 0, "failed": str(failure)}
    score = await seller.judge(item, answer.answer, answer.text)
    return {"correct": score >= 1, "input": answer.usage.input_tokens, "calls": answer.calls}


def rows(path: Path) -> list[dict]:
    """The outcomes so far; a line that was cut by an interruption is left out."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def place(row: dict) -> tuple:
    """What an outcome is of."""
    return (row["hops"], row["id"], *row["setting"])


def report(out: Path) -> None:
    """Tables by kind of question, and the fit over all of them."""
    cells: dict[tuple[int, tuple[int, int, int]], list[dict]] = {}
    for row in rows(out / "outcomes.jsonl"):
        cells.setdefault((row["hops"], tuple(row["setting"])), []).append(row)
    for hops in sorted({h for h, _ in cells}):
        found = {s: c for (h, s), c in cells.items() if h == hops}
        say(f"\n{hops} documents needed, {max(map(len, found.values()))} questions")
        say("  k   m   n  accuracy [95 %]        longest input  calls")
        for setting, cell in sorted(found.items(), key=lambda pair: longest(pair[1])):
            right = sum(r["correct"] for r in cell)
            interval = wilson(right, len(cell))
            told = f"{right / len(cell):.2f} [{interval.low:.2f}, {interval.high:.2f}]"
            calls = sum(r["calls"] for r in cell) / len(cell)
            say(
                f"{setting[0]:3d} {setting[1]:3d} {setting[2]:3d}  {told:<20} {longest(cell):14d}  {calls:5.1f}"
            )
        best = 0.0
        steps = []
        for cell in sorted(found.values(), key=longest):
            accuracy = sum(r["correct"] for r in cell) / len(cell)
            if accuracy > best:
                best = accuracy
                steps.append(f"{best:.2f} from {longest(cell)}")
        say(f"  best accuracy within a budget of input tokens: {', '.join(steps) or 'none was right'}")
    allocate(cells, out)


def longest(cell: list[dict]) -> int:
    """The largest effective context length of a setting: the budget holds for every question."""
    return max(row["input"] for row in cell)


def allocate(cells: dict, out: Path) -> None:
    """Fit the allocation over the kinds of question, and keep it for the framing."""
    keys = sorted(cells)
    accuracy = np.array([np.mean([r["correct"] for r in cells[key]]) for key in keys])
    hops = [str(h) for h, _ in keys]
    k, m, n = np.array([s for _, s in keys]).T
    varied = {h for h in hops if np.ptp(accuracy[[g == h for g in hops]]) > 0}
    kept = np.array([h in varied for h in hops])
    try:
        z = standardised(accuracy[kept], [h for h in hops if h in varied], k[kept], m[kept], n[kept])
        fitted = fit(z.score_N, k[kept], m[kept], n[kept], z.i_document_N, z.i_shot_N)
    except CannotSay as why:
        say(f"\nno allocation: {why}")
        return
    say(f"\nallocation over {sorted(varied)}: R2 {fitted.r2:.2f}")
    for name, value, interval in zip(
        ("documents", "shots", "iterations", "documents x i", "shots x i", "constant"),
        (
            *(fitted.documents, fitted.shots, fitted.iterations),
            *(fitted.documents_slope, fitted.shots_slope, fitted.constant),
        ),
        fitted.intervals,
        strict=True,
    ):
        say(f"  {name:14} {value:7.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    i_document, i_shot = float(np.mean(z.i_document_N)), float(np.mean(z.i_shot_N))
    found = Allocated(fitted, i_document, i_shot, DOCUMENT_TOKENS, QUESTION_TOKENS)
    (out / "allocation.json").write_bytes(msgspec.json.encode(found))
    for budget in (300, 1_000, 3_000, 10_000):
        say(f"  {budget} input tokens in one call: k, m = {found.best(budget)}")


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")


def main() -> None:
    """Buy what is missing, then report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--model", default="local/qwen2.5-coder-0.5b")
    parser.add_argument("--hops", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--least", type=int, default=1, help="sub-questions before an answer is taken")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.report:
        asyncio.run(buy(given))
    report(given.out)


if __name__ == "__main__":
    main()
