"""HELM's published runtimes as `Runtime` values, and the cards that the paper counts for each model."""

import json
from pathlib import Path

from outlay.economics.idealized_runtime import Runtime

DATA = Path(__file__).parents[1] / "data" / "helm-runtimes"
A100_NUSD_PER_HOUR = 4_096_000_000
CARDS = {
    "openai/davinci": 8,
    "ai21/j1-jumbo": 8,
    "together/bloom": 8,
    "cohere/xlarge-20220609": 4,
    "anthropic/stanford-online-all-v4-s3": 4,
    "together/yalm": 4,
    "ai21/j1-large": 1,
    "ai21/j1-grande": 1,
    "huggingface/gptj_6b": 1,
    "microsoft/TNLGv2_530B": 24,
}
OUTPUTS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)


def published(kind: str) -> dict[str, Runtime]:
    """`kind` is idealized or denoised."""
    entries = json.loads((DATA / f"inference_{kind}_runtimes.json").read_text("utf-8"))
    return {name: runtime(entry) for name, entry in entries.items()}


def runtime(entry: dict) -> Runtime:
    first = {int(p): s for p, s in entry["runtime_for_prompt_tokens"].items()}
    return Runtime(
        tuple(sorted(first)),
        tuple(first[p] for p in sorted(first)),
        entry["runtime_per_output_token"],
        entry.get("overhead", 0.0),
    )


def grid(known: Runtime) -> tuple[list[int], list[int], list[float]]:
    """The timings that a machine with exactly this runtime gives on the paper's grid."""
    cells = [(p, o) for p in known.prompt_tokens for o in OUTPUTS]
    seconds = [float(known.seconds(p, o, rule="helm")) for p, o in cells]
    return [p for p, _ in cells], [o for _, o in cells], seconds
