"""Show what a right answer costs: a real local model live, and recorded pools of two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.experiments.experiment import Spec

MODEL = "local/qwen2.5-coder-0.5b"
STRATEGIES = (
    "single",
    "self_consistency:n=8",
    "adaptive:n=8",
    "sharpen:n=8",
    "best_of_majority:n=8,verifier=judge",
    "best_of_n:n=8,verifier=reference",
)
"""Five plans that a buyer could take, and the oracle, which stands in a block of its own."""
POOLS = ("pool-q05-sums", "pool-q15-sums")
MAX_OUTPUT_TOKENS = 160
TEMPERATURE = 0.7
"""As the recorded pools were drawn: the live model is then right about half of the time."""


def demo(
    *,
    questions: int = 8,
    model: str = MODEL,
    seed: int = 7,
    max_usd: str = "0.10",
    out: Path = Path("out/demo"),
    json: bool = False,
) -> None:
    """Show what a right answer costs, on this machine, in a few minutes.

    First a small local model solves sums of 2 to 3 terms of 2 digits under
    five plans (and an oracle that sees the key, set apart); then recorded pools
    of a 0.5B and a 1.5B model are put under the same selections at several
    sample budgets. A table, what to buy for which worth of a right answer, and
    one HTML page come out. Stopped half-way, the same command goes on.

    Example: outlay demo --questions 24

    Parameters
    ----------
    questions:
        Live questions; 8 unless given. More make the intervals narrower, about 10 s each on 2 cores.
    model:
        The live model; the embedded default unless given.
    seed:
        Questions and samples derive from it; 7 unless given.
    max_usd:
        A hard cap in dollars on the live part; 0.10 unless given.
    out:
        The folder of the experiment and its page; out/demo unless given.
    json:
        Print a JSON array with one object a cell instead of the tables.
    """
    import msgspec

    from outlay.cli import _results
    from outlay.cli._terminal import note
    from outlay.cli.bench import buy
    from outlay.models.recording_file import read
    from outlay.report.html import write

    note(f"1/3 live: {model} on {questions} sums under {len(STRATEGIES)} plans.")
    buy(_spec(questions, model, seed, max_usd), out)
    note("2/3 recorded: two models, 40 questions × 16 samples each, every sub-pool averaged.")
    recordings = [read(name) for name in POOLS]
    note("3/3 the report.")
    page, report = out / "report.html", _results.read(out, recordings)
    write(report, page)
    (out / "report.json").write_bytes(msgspec.json.encode(report))
    _results.tell(report, json=json)
    note(f"The page with the pictures is {page}.")


def _spec(questions: int, model: str, seed: int, max_usd: str) -> Spec:
    from outlay.experiments.experiment import Spec
    from outlay.money import nusd, usd

    return Spec(
        tasks=("chain_sum",),
        models=(model,),
        strategies=STRATEGIES,
        questions=questions,
        seed=seed,
        temperature=TEMPERATURE,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        max_usd=usd(nusd(max_usd)),
    )
