"""Documents on a real model: accuracy against effective context length, and the allocation that is fitted to it.

    python bench/documents.py DIR [--questions 40] [--model MODEL] [--hops 1 2 3] [--least 1] [--quick]
    python bench/documents.py DIR --table

Questions of the task corpus_qa, each under settings of (documents k, examples m, iterations n): n = 1 is the framing
`documents` in one call, n > 1 the strategy `iter_drag`. The effective context length is the sum of input tokens over
all calls for one question. Prints accuracy and longest length by setting, the best accuracy within each budget (for
every question, not on average), and the fit; writes DIR/allocation.json, which `documents:allocation=…` reads.
Everything is kept in DIR: after an interruption the same command goes on there and buys nothing twice. `--quick` takes
four settings, too few for a fit.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import numpy as np
from arms import Arm, Row, arguments, buy, rows

from outlay.errors import CannotSay
from outlay.framings._allocated import Allocated
from outlay.laws.rag_allocation import fit, standardised
from outlay.stats.wilson import wilson
from outlay.types import Question

ONE_CALL = [(k, m, 1) for k in (0, 1, 3, 8) for m in (0, 1, 2)]
ITERATED = [(k, m, n) for n in (2, 3) for k, m in ((1, 0), (1, 1), (3, 0), (3, 1))]
QUICK = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 2)]
MOST_OUTPUT_TOKENS = 160
DOCUMENT_TOKENS, QUESTION_TOKENS = 110, 160
"""The longest a document of the corpus can be, with its fence, and an example or the question without documents."""

Setting = tuple[int, int, int]
"""Documents k, examples m, iterations n."""


def arm(setting: Setting, least: int) -> Arm:
    """A setting as a way to ask."""
    k, m, n = setting
    if n > 1:
        return Arm(name(setting), f"iter_drag:k={k},m={m},n={n},least={min(least, n)}", briefly)
    return Arm(name(setting), "single", briefly, (f"documents:k={k},m={m}",) if k or m else ())


def name(setting: Setting) -> str:
    """What a setting's rows are called."""
    return ",".join(map(str, setting))


def briefly(question: Question) -> Question:
    """The question, answered without chance and within a cap."""
    sampling = msgspec.structs.replace(question.sampling, temperature=0.0, max_output_tokens=MOST_OUTPUT_TOKENS)
    return msgspec.structs.replace(question, sampling=sampling)


def report(folder: Path) -> None:
    """Tables by kind of question, and the fit over all of them."""
    cells: dict[tuple[str, Setting], list[Row]] = {}
    for row in rows(folder):
        k, m, n = map(int, row.arm.split(","))
        cells.setdefault((row.task.partition("hops=")[2], (k, m, n)), []).append(row)
    for hops in sorted({h for h, _ in cells}):
        found = {s: c for (h, s), c in cells.items() if h == hops}
        say(f"\n{hops} documents needed, {max(map(len, found.values()))} questions")
        say("  k   m   n  accuracy [95 %]        longest input  calls")
        for (k, m, n), cell in sorted(found.items(), key=lambda pair: longest(pair[1])):
            interval = wilson(sum(r.right for r in cell), len(cell))
            told = f"{accuracy(cell):.2f} [{interval.low:.2f}, {interval.high:.2f}]"
            calls = sum(r.calls for r in cell) / len(cell)
            say(f"{k:3d} {m:3d} {n:3d}  {told:<20} {longest(cell):14d}  {calls:5.1f}")
        best = 0.0
        steps = []
        for cell in sorted(found.values(), key=longest):
            if accuracy(cell) > best:
                best = accuracy(cell)
                steps.append(f"{best:.2f} from {longest(cell)}")
        say(f"  best accuracy within a budget of input tokens: {', '.join(steps) or 'none was right'}")
    if cells:
        allocate(cells, folder)


def accuracy(cell: list[Row]) -> float:
    """The share of right answers."""
    return sum(row.right for row in cell) / len(cell)


def longest(cell: list[Row]) -> int:
    """The largest effective context length of a setting: the budget holds for every question."""
    return max(row.input_tokens for row in cell)


def allocate(cells: dict[tuple[str, Setting], list[Row]], folder: Path) -> None:
    """Fit the allocation over the kinds of question, and keep it for the framing."""
    keys = sorted(cells)
    right = np.array([accuracy(cells[key]) for key in keys])
    hops = [h for h, _ in keys]
    k, m, n = np.array([s for _, s in keys]).T
    varied = {h for h in hops if np.ptp(right[[g == h for g in hops]]) > 0}
    kept = np.array([h in varied for h in hops])
    try:
        z = standardised(right[kept], [h for h in hops if h in varied], k[kept], m[kept], n[kept])
        fitted = fit(z.score_N, k[kept], m[kept], n[kept], z.i_document_N, z.i_shot_N)
    except CannotSay as why:
        say(f"\nno allocation: {why}")
        return
    say(f"\nallocation over {sorted(varied)}: R2 {fitted.r2:.2f}")
    for term, value, interval in zip(
        ("documents", "shots", "iterations", "documents x i", "shots x i", "constant"),
        (
            *(fitted.documents, fitted.shots, fitted.iterations),
            *(fitted.documents_slope, fitted.shots_slope, fitted.constant),
        ),
        fitted.intervals,
        strict=True,
    ):
        say(f"  {term:14} {value:7.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    i_document, i_shot = float(np.mean(z.i_document_N)), float(np.mean(z.i_shot_N))
    found = Allocated(fitted, i_document, i_shot, DOCUMENT_TOKENS, QUESTION_TOKENS)
    (folder / "allocation.json").write_bytes(msgspec.json.encode(found))
    for budget in (300, 1_000, 3_000, 10_000):
        say(f"  {budget} input tokens in one call: k, m = {found.best(budget)}")


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")


def main() -> None:
    """Buy what is missing, then report."""
    parser = arguments(__doc__, 40, "qwen-0.5b.gguf")
    # Users fit their allocation with this: the default is a model that they can pull.
    parser.set_defaults(model="local/qwen2.5-coder-0.5b")
    parser.add_argument("--hops", type=int, nargs="+", choices=(1, 2, 3), default=[1, 2, 3])
    parser.add_argument("--least", type=int, default=1, help="sub-questions before an answer is taken")
    parser.add_argument("--quick", action="store_true", help="four settings, too few for a fit")
    given = parser.parse_args()
    if not given.table:
        settings = QUICK if given.quick else ONE_CALL + ITERATED
        tasks = [f"corpus_qa?hops={hops}" for hops in given.hops]
        asyncio.run(buy(given, tasks, [arm(setting, given.least) for setting in settings], None))
    report(given.dir)


if __name__ == "__main__":
    main()
