"""Published figures of runtimes, retrieval, vision tokens and amortisation, beside what outlay computes.

python bench/published_laws.py                 everything from the data in tests/data
python bench/published_laws.py --logs FOLDER   also HELM's raw timings, from a clone of stanford-crfm/helm-efficiency
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from pathlib import Path

import numpy as np

from outlay.economics.amortisation import Investment
from outlay.economics.idealized_runtime import Runtime, cost_nusd
from outlay.economics.runtime_fit import RuntimeFit, fit_idealized
from outlay.laws import vision_tokens

DATA = Path(__file__).parents[1] / "tests" / "data"
LINE = re.compile(r"Runtime for (\{.*?\}): (\d+\.\d+) seconds")
NAMES = {
    "openai_ada": "openai/ada",
    "openai_davinci": "openai/davinci",
    "ai21_j1_large": "ai21/j1-large",
    "ai21_j1_grande": "ai21/j1-grande",
    "ai21_j1_jumbo": "ai21/j1-jumbo",
    "anthropic": "anthropic/stanford-online-all-v4-s3",
    "bloom": "together/bloom",
    "gpt2": "huggingface/gpt2",
    "gpt_neox_20b": "together/gpt-neox-20b",
    "gptj_6b": "huggingface/gptj_6b",
    "mt_nlg": "microsoft/TNLGv2_530B",
    "opt_66b": "together/opt-66b",
    "yalm": "together/yalm",
}
"""A log's name and the model that HELM files its fit under."""


def amortisation() -> None:
    print("sleep-time, s = 1000, b = 50, t = 10")
    for large in (250, 100):
        notes = Investment(offline=1000, baseline=10 * large, per_use=10 * 50)
        means = ", ".join(f"N = {n}: {notes.cost_per_use(n):g}" for n in (1, 2, 10))
        print(
            f"  B = {large}: mean cost {means}; baseline {notes.baseline:g}; N* = {notes.break_even().uses:g}"
        )
    demonstrations = Investment(offline=500 * 0.059, baseline=0.059, per_use=0.024)
    saved = demonstrations.saving(1_000_000)
    print(
        f"in-context distillation: break-even {demonstrations.break_even().first}, saved at a million ${saved:,.2f}"
    )


def vision() -> None:
    grid = json.loads((DATA / "vision-tokens" / "grid.json").read_text("utf-8"))
    size, tokens = np.meshgrid(grid["model_billions"], grid["visual_tokens"], indexing="ij")
    for kind, accuracy in grid["accuracy"].items():
        fit = vision_tokens.fit(size.ravel(), tokens.ravel(), 1 - np.ravel(accuracy), seed=1)
        best = fit.best_tokens(50)
        assert best.interval is not None
        print(f"{kind}: A {fit.scale:.3f}, alpha {fit.alpha:.4f}, beta {fit.beta:.4f}, D {fit.floor:.3f}")
        print(f"  RMSE {fit.rmse:.4f}; alpha/beta {fit.ratio:.2f} {_span(fit.ratio_interval)}", end="")
        print(f"; alpha {_span(fit.alpha_interval)}, D {_span(fit.floor_interval)}")
        print(
            f"  V*(50) {best.value:.1f} {_span(best.interval)}, V*(0) {fit.best_tokens(0).value:g}; {fit.form.words}"
        )
        print(f"  error at 14B, 576 tokens: {fit.predict(14, 576).value:.4f}")
    _authors_search(size.ravel(), tokens.ravel(), 1 - np.ravel(grid["accuracy"]["visual_reasoning"]))


def _authors_search(size: np.ndarray, tokens: np.ndarray, error: np.ndarray) -> None:
    """The authors' own search, over their whole grid of coefficients instead of a random fifth of it."""
    scales, floors = np.linspace(0.2, 0.7, 50), np.linspace(0, 0.3, 10)
    best = (np.inf, 0.0, 0.0, 0.0)
    for alpha in np.linspace(0, 0.2, 100):
        for beta in np.linspace(0, 0.05, 100):
            law = scales[:, None] * (size**-alpha * tokens**-beta)
            for floor in floors:
                loss = ((law + floor - error) ** 2).sum(axis=1).min()
                best = min(best, (float(loss), float(alpha), float(beta), float(floor)))
    loss, alpha, beta, floor = best
    print(f"  the authors' grid: alpha {alpha:.4f}, beta {beta:.4f}, D {floor:.3f}", end="")
    print(f", RMSE {np.sqrt(loss / len(error)):.5f}, V*(50) {50 * beta / (alpha - beta):.1f}")


def retrieval() -> None:
    tables = json.loads((DATA / "rag-allocation" / "tables.json").read_text("utf-8"))
    one, three = tables["table_1"], tables["table_3"]
    gain = one["5000000"]["IterDRAG"][3][2] / one["128000"]["RAG"][3][2] - 1
    share = np.mean(np.array(three["predicted"]) / np.array(three["oracle"]))
    print(f"retrieval: gain {gain:.4f}, share of the oracle {share:.4f}")
    for step, row in tables["table_4"].items():
        print(f"  {step}: gap {1 - np.mean(np.array(row['predicted']) / row['oracle']):.3f}")
    budgets = [int(b) for b in one if int(b) <= 1_000_000]
    best = [np.max([np.mean(np.array(a)[:, 2]) for a in one[str(b)].values()]) for b in budgets]
    slope, start = np.polyfit(np.log10(budgets), best, 1)
    left = best - (slope * np.log10(budgets) + start)
    r2 = 1 - (left**2).sum() / np.var(best) / len(best)
    print(f"  best mean accuracy by budget {np.round(best, 2)}: {slope:.2f} points a decade, R2 {r2:.3f}")


def runtimes() -> None:
    entries = json.loads((DATA / "helm-runtimes" / "inference_idealized_runtimes.json").read_text("utf-8"))
    print("512 prompt and 64 output tokens, A100 at $4.096 an hour")
    for name, cards in (
        ("openai/davinci", 8),
        ("ai21/j1-large", 1),
        ("together/bloom", 8),
        ("microsoft/TNLGv2_530B", 24),
    ):
        seconds = float(_runtime(entries[name]).seconds(512, 64, rule="helm"))
        cost = cost_nusd(seconds, accelerators=cards, nusd_per_accelerator_hour=4_096_000_000)
        print(f"  {name}: {seconds:.3f} s, {cost / 1e7:.3f} cents")


def logs(folder: Path) -> None:
    entries = json.loads((DATA / "helm-runtimes" / "inference_idealized_runtimes.json").read_text("utf-8"))
    for path in sorted(folder.glob("*.log")):
        fit = _of_log(path)
        relative = f"mean error {fit.mean_relative_error:.2%}, largest {fit.max_relative_error:.2%}"
        print(f"  {path.stem}: g {fit.runtime.per_token_s * 1e3:.0f} ms, R2 {fit.r2:.4f}, {relative}", end="")
        known = (
            _runtime(entries[NAMES[path.stem]])
            if "a100" in path.parts and NAMES[path.stem] in entries
            else None
        )
        if known is not None and known.prompt_tokens == fit.runtime.prompt_tokens:
            apart = np.abs(np.subtract(known.first_token_s, fit.runtime.first_token_s)).max()
            print(
                f"; HELM has g {known.per_token_s * 1e3:.0f} ms, F differs by {apart * 1e3:.0f} ms at most",
                end="",
            )
        print("; g depends on p or o" if fit.form is not None and fit.form.rejected else "")


def _of_log(path: Path) -> RuntimeFit:
    # Only a third of the layers of the largest model was timed.
    times = 3 if path.stem == "mt_nlg" else 1
    found = [(ast.literal_eval(sizes), float(s) * times) for sizes, s in LINE.findall(path.read_text("utf-8"))]
    return fit_idealized(
        [sizes["num_input_tokens"] for sizes, _ in found],
        [sizes["num_output_tokens"] for sizes, _ in found],
        [s for _, s in found],
        resolution_s=0.001,
    )


def _runtime(entry: dict) -> Runtime:
    first = {int(p): s for p, s in entry["runtime_for_prompt_tokens"].items()}
    grid = tuple(sorted(first))
    return Runtime(
        grid, tuple(first[p] for p in grid), entry["runtime_per_output_token"], entry.get("overhead", 0.0)
    )


def _span(interval) -> str:
    return f"[{interval.low:.3g}, {interval.high:.3g}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, help="a clone of stanford-crfm/helm-efficiency")
    arguments = parser.parse_args()
    amortisation()
    vision()
    retrieval()
    runtimes()
    if arguments.logs:
        for hardware in ("a100", "v100"):
            print(f"raw timings, {hardware}")
            logs(arguments.logs / "logs" / hardware)
