"""The tables of bench/sleep.py, from what is in its folder."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from outlay.charts import LIGHT, SCHEMA
from outlay.economics.amortisation import Investment, measured_break_even
from outlay.economics.foreseeable import foreseeable
from outlay.stats.paired import paired
from outlay.stats.wilson import wilson

QUESTIONS_A_CONTEXT = (1, 2, 5, 10)
T = 10
"""Price of an online token in offline tokens, in the paper's economy."""
BINS = 5
KINDS = {"shop": "A shop, ten questions a context", "gsm": "GSM8K, one question a context"}
SEED = 1
SOURCES = ("none", "small", "large", "generator")
"""Who wrote the notes."""
Row = dict[str, Any]
Cells = dict[tuple[str, str, int], dict[str, Row]]


def outcomes(path: Path) -> list[Row]:
    """The rows of a file, an unfinished last line left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def place(row: Row) -> tuple[str, str, int]:
    """What a row is the outcome of."""
    return row["id"], row["source"], row["level"]


def report(out: Path) -> None:
    """Print the tables and write report.json."""
    rows = outcomes(out / "outcomes.jsonl")
    notes = json.loads((out / "notes.json").read_text("utf-8"))
    asked = {a["id"]: a for a in json.loads((out / "asked.json").read_text("utf-8"))}
    cells: Cells = defaultdict(dict)
    for row in rows:
        cells[row["group"], row["source"], row["level"]][row["id"]] = row
    told = {
        "accuracy": [_accuracy(key, cell) for key, cell in sorted(cells.items())],
        "by level (share right / tokens written)": _by_level(cells),
        "paired": [p for key in sorted(cells) if (p := _paired(cells, key))],
        "notes": _notes(notes),
        "cost": [c for key in sorted(cells) if (c := _cost(cells, key, notes))],
        "predictability": _bins(cells, asked),
    }
    (out / "report.json").write_text(json.dumps(told, indent=1), "utf-8")
    (out / "sleep.vl.json").write_text(json.dumps(_chart(told["accuracy"])), "utf-8")
    for title, table in told.items():
        _print(title, table)


def _accuracy(key: tuple[str, str, int], cell: dict[str, Row]) -> Row:
    right = sum(row["correct"] for row in cell.values())
    found = wilson(right, len(cell))
    return {
        "group": key[0],
        "notes by": key[1],
        "level": key[2],
        "n": len(cell),
        "accuracy": round(right / len(cell), 3),
        "low": round(found.low, 3),
        "high": round(found.high, 3),
        "output tokens": round(fmean(r["output"] for r in cell.values()), 1),
        "input tokens": round(fmean(r["input"] for r in cell.values()), 1),
        "cost usd": _usd([r["cost_nusd"] for r in cell.values()]),
    }


def _by_level(cells: Cells) -> list[Row]:
    """One row for each kind and source, one column a level."""
    found: dict[tuple[str, str], Row] = {}
    for (group, source, level), cell in sorted(cells.items()):
        row = found.setdefault((group, source), {"group": group, "notes by": source})
        right, wrote = (fmean(r[name] for r in cell.values()) for name in ("correct", "output"))
        row[str(level)] = f"{right:.2f} / {wrote:.0f}"
    return list(found.values())


def _paired(cells: Cells, key: tuple[str, str, int]) -> Row | None:
    """Accuracy and output tokens with notes less those without, at the same level, on the same questions.

    Questions on one context share its notes, so the intervals are over contexts.
    """
    group, source, level = key
    plain = cells.get((group, "none", level), {})
    ids = [id for id in cells[key] if id in plain]
    if source == "none" or not ids:
        return None
    without, with_notes = [plain[i] for i in ids], [cells[key][i] for i in ids]
    right = paired(_means(without, "correct"), _means(with_notes, "correct"), seed=SEED)
    wrote = paired(_means(without, "output"), _means(with_notes, "output"), seed=SEED)
    return {
        "group": group,
        "notes by": source,
        "level": level,
        "n": len(ids),
        "contexts": right.questions,
        "accuracy": round(right.difference, 3),
        "low": round(right.interval.low, 3),
        "high": round(right.interval.high, 3),
        "p": round(right.p_value, 4),
        "output tokens": round(wrote.difference, 1),
        "tokens low": round(wrote.interval.low, 1),
        "tokens high": round(wrote.interval.high, 1),
    }


def _means(rows: list[Row], name: str) -> list[float]:
    """The mean of what is named over each context's rows."""
    on: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        on[row["context"]].append(row[name])
    return [fmean(values) for values in on.values()]


def _notes(notes: list[Row]) -> list[Row]:
    by_source: dict[str, list[Row]] = defaultdict(list)
    for n in notes:
        by_source[n["source"]].append(n)
    return [
        {
            "notes by": source,
            "contexts": len(made),
            "rewrites": round(fmean(n["rewrites"] for n in made), 2),
            "characters": round(fmean(len(n["text"]) for n in made)),
            "output tokens": round(fmean(n["output_tokens"] for n in made)),
            "paid usd": _usd([n["paid_nusd"] for n in made]),
            "marked": sum(bool(n["mark"]) for n in made),
        }
        for source, made in sorted(by_source.items())
    ]


def _cost(cells: Cells, key: tuple[str, str, int], notes: list[Row]) -> Row | None:
    """Mean total cost a question at 1, 2, 5, 10 questions a context against level 4 without notes, and the break-even.

    In dollars of the price book, and in the paper's economy, where only output tokens count and one online costs ten
    offline.
    """
    group, source, level = key
    plain = cells.get((group, "none", 4), {})
    ids = [id for id in cells[key] if id in plain]
    if source == "none" or len({plain[i]["context"] for i in ids}) < 2:
        return None
    on = {cells[key][i]["context"] for i in ids}
    made = [n for n in notes if n["source"] == source and n["context_id"] in on]
    with_notes, without = [cells[key][i] for i in ids], [plain[i] for i in ids]
    priced = None not in [r["cost_nusd"] for r in (*with_notes, *without)] + [n["paid_nusd"] for n in made]
    row: Row = {
        "group": group,
        "notes by": source,
        "level": level,
        "accuracy": round(fmean(r["correct"] for r in with_notes), 3),
        "accuracy without": round(fmean(r["correct"] for r in without), 3),
    }
    tokens = _amortised(
        fmean(n["output_tokens"] for n in made),
        [T * mean for mean in _means(without, "output")],
        [T * mean for mean in _means(with_notes, "output")],
    )
    row |= {f"tokens {name}": value for name, value in tokens.items()}
    if priced:
        paid = _amortised(
            fmean(n["paid_nusd"] for n in made),
            _means(without, "cost_nusd"),
            _means(with_notes, "cost_nusd"),
        )
        row |= {f"usd {name}": _as_usd(value) if name[:3] != "N* " else value for name, value in paid.items()}
    return row


def _amortised(offline: float, baseline: list[float], per_use: list[float]) -> Row:
    investment = Investment(offline, fmean(baseline), fmean(per_use))
    measured = measured_break_even(offline, baseline, per_use, seed=SEED)
    costs = {f"N={n}": round(investment.cost_per_use(n), 3) for n in QUESTIONS_A_CONTEXT}
    return {
        "without": round(investment.baseline, 3),
        **costs,
        "N* point": _number(measured.break_even.uses),
        "N* low": _number(measured.interval.low),
        "N* high": _number(measured.interval.high),
    }


def _bins(cells: Cells, asked: dict[str, Row]) -> list[Row]:
    """Accuracy with less accuracy without notes at level 0, in bins of how well the context foretells the question."""
    found = []
    for (group, source, level), cell in sorted(cells.items()):
        plain = cells.get((group, "none", level), {})
        ids = [id for id in cell if id in plain and id in asked]
        if source == "none" or level != 0 or len(ids) < BINS:
            continue
        score = {i: foreseeable(asked[i]["question"], asked[i]["context"]) for i in ids}
        for number, some in enumerate(np.array_split(sorted(ids, key=lambda i: score[i]), BINS)):
            gap = paired([plain[i]["correct"] for i in some], [cell[i]["correct"] for i in some], seed=SEED)
            found.append(
                {
                    "group": group,
                    "notes by": source,
                    "bin": number + 1,
                    "from": round(min(score[i] for i in some), 2),
                    "n": len(some),
                    "accuracy": round(gap.difference, 3),
                    "low": round(gap.interval.low, 3),
                    "high": round(gap.interval.high, 3),
                }
            )
    return found


def _chart(accuracy: list[Row]) -> dict[str, Any]:
    """Accuracy against online tokens, a panel a kind of question, a line a source of notes, a point a level."""
    x = {
        "field": "output tokens",
        "type": "quantitative",
        "scale": {"type": "log", "nice": False},
        "axis": {"title": "tokens written a question", "values": [5, 10, 20, 50, 100, 200, 300], "grid": False},
    }
    y = {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {"domain": [0, max(row["high"] for row in accuracy)]},
        "axis": {"title": "share right", "format": ".0%"},
    }
    colour = {
        "field": "notes by",
        "type": "nominal",
        "scale": {"domain": list(SOURCES), "range": list(LIGHT[: len(SOURCES)])},
    }
    layer = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.3},
            "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"y": y, "order": {"field": "level"}}},
        {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1}, "encoding": {"y": y}},
        {
            "mark": {"type": "text", "dy": -10, "dx": 6, "fontSize": 11},
            "encoding": {"y": y, "text": {"field": "level"}},
        },
    ]
    panels = [
        {
            "title": {"text": KINDS[kind], "anchor": "start", "fontSize": 13},
            "width": 380,
            "height": 300,
            "data": {"values": [row for row in accuracy if row["group"] == kind]},
            "encoding": {"x": x, "color": colour},
            "layer": layer,
        }
        for kind in KINDS
    ]
    return {"$schema": SCHEMA, "hconcat": panels}


def _print(title: str, table: list[Row]) -> None:
    print(f"\n{title}")
    if not table:
        print("  nothing to say")
        return
    names = list(dict.fromkeys(name for row in table for name in row))
    widths = {n: max(len(n), *(len(str(row.get(n, ""))) for row in table)) for n in names}
    print("  " + "  ".join(n.rjust(widths[n]) for n in names))
    for row in table:
        print("  " + "  ".join(str(row.get(n, "")).rjust(widths[n]) for n in names))


def _usd(costs: list[int | None]) -> float | None:
    return None if None in costs else _as_usd(fmean(c or 0 for c in costs))


def _as_usd(nusd: float) -> float:
    return float(f"{nusd / 1e9:.3g}")


def _number(uses: float) -> float | str:
    return round(uses, 2) if np.isfinite(uses) else "never"
