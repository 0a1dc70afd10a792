"""Pictures of what answers cost, as Vega-Lite dictionaries: for the report, the dashboard and the README.

Every function takes plain rows and returns a dictionary that any Vega-Lite 6 renderer draws. Colours are told
apart by people with any colour vision, and `theme` gives the same picture for a light and a dark page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import Any

from msgspec import Struct

Chart = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9")
DARK = ("#56b4e9", "#f0883e", "#2fc49b", "#e59acb", "#e6d04a", "#a5c8ff")
"""After Okabe and Ito's palette, lightened for dark pages."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class Point(Struct, frozen=True):
    """One plan in a picture: dollars a question and the share of right answers with its interval."""

    name: str
    series: str
    """What its colour stands for: a model, or a selection."""
    cost_usd: float
    accuracy: float
    low: float
    high: float
    questions: int
    bought: bool = False
    """Whether it is the best buy for some worth: drawn full, named and joined by the line."""
    oracle: bool = False
    """Whether it saw the key: drawn hollow."""
    label: str = ""
    """A short name to write beside it; empty takes `name`."""
    panel: str = ""
    """What its panel stands for, where there are several."""
    k: int | None = None
    """Samples a question."""


def frontier_chart(points: Sequence[Point], *, width: int | str = "container", height: int = 380) -> Chart:
    """Accuracy against cost: every plan with its interval, the best buys joined by a line, oracles hollow.

    The cost axis is logarithmic; with a free plan among them it is linear, because 0 has no place on the other.
    No points: an empty frame.

    Args:
        points: the plans; those with `bought` make the line, by rising cost.
        width: pixels, or `container`.
        height: pixels.

    Returns:
        A Vega-Lite dictionary.

    Example:
        >>> frontier_chart([Point("single", "m", 0.001, 0.5, 0.4, 0.6, 24, bought=True)])["height"]
        380
    """
    x = {
        "field": "cost_usd",
        "type": "quantitative",
        **_money_axis([p.cost_usd for p in points], "cost of a question"),
    }
    y = _accuracy()
    colour = {"color": _colour(points)}
    bars = {
        "y": {**y, "field": "low"},
        "y2": {"field": "high"},
        "opacity": {"condition": {"test": "datum.bought", "value": 0.4}, "value": 0.16},
    }
    bought = {"filter": "datum.bought"}
    line = {
        "mark": {
            "type": "line",
            "strokeWidth": 1.5,
            "strokeDash": [1, 3],
            "strokeCap": "round",
            "opacity": 0.9,
            "color": "#808080",
        },
        "transform": [bought],
        "encoding": {"x": x, "y": y, "order": {"field": "cost_usd"}},
    }
    names = {
        "mark": {
            "type": "text",
            "align": "right",
            "baseline": "bottom",
            "dx": -9,
            "dy": -5,
            "fontSize": 12,
            "fontWeight": 600,
        },
        "transform": [bought],
        "encoding": {"x": x, "y": y, "text": {"field": "label"}, **colour},
    }
    return {
        "$schema": SCHEMA,
        "description": "Accuracy against cost of a question, one point a plan.",
        "width": width,
        "height": height,
        "data": {"values": [_row(p) for p in points]},
        "layer": [
            line,
            {
                "mark": {"type": "rule", "strokeWidth": 2, "strokeCap": "round"},
                "encoding": {"x": x, **bars, **colour},
            },
            _dots("datum.bought", {"filled": True, "size": 150, "opacity": 1}, x, y, colour),
            _dots(
                "!datum.bought && !datum.oracle", {"filled": True, "size": 55, "opacity": 0.55}, x, y, colour
            ),
            _dots(
                "datum.oracle", {"filled": False, "size": 70, "strokeWidth": 2, "opacity": 0.8}, x, y, colour
            ),
            names,
        ],
    }


def curves_chart(points: Sequence[Point], *, panel_width: int = 320, height: int = 240) -> Chart:
    """Accuracy against samples k, one line a selection, one panel a model; oracle curves dashed.

    Args:
        points: recorded pools: `series` the selection, `panel` the model; those without `k` are left out.
        panel_width: pixels of one panel.
        height: pixels.

    Returns:
        A Vega-Lite dictionary.
    """
    drawn = [p for p in points if p.k]
    ks = sorted({p.k for p in drawn if p.k})
    x = {
        "field": "k",
        "type": "quantitative",
        "scale": {"type": "log", "base": 2, "nice": False},
        "axis": {"title": "samples a question", "values": ks, "format": "d", "grid": False},
    }
    dash = {
        "field": "oracle",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": [False, True], "range": [[1, 0], [5, 4]]},
    }
    encoding = {"x": x, "color": _colour(drawn)}
    band = {"y": {**_accuracy(), "field": "low"}, "y2": {"field": "high"}}
    layer = [
        {
            "mark": {"type": "area", "opacity": 0.1},
            "transform": [{"filter": "!datum.oracle"}],
            "encoding": band,
        },
        {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"y": _accuracy(), "strokeDash": dash}},
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {"y": _accuracy(), "tooltip": _tooltip()},
        },
    ]
    panels = [
        {
            "title": {"text": panel, "anchor": "start", "fontSize": 13, "offset": 12},
            "width": panel_width,
            "height": height,
            "data": {"values": [_row(p) for p in drawn if p.panel == panel]},
            "encoding": encoding,
            "layer": layer,
        }
        for panel in dict.fromkeys(p.panel for p in drawn)
    ]
    return {
        "$schema": SCHEMA,
        "description": "Accuracy against samples a question, one line a selection, one panel a model.",
        "columns": 3,
        "concat": panels,
        "resolve": {"scale": {"color": "shared"}},
    }


def worth_chart(points: Sequence[Point], *, width: int | str = "container", height: int = 240) -> Chart:
    """What is left of a right answer's worth after paying: accuracy - cost / worth, one curve a best buy.

    The highest curve is the plan to buy at that worth; below 0 it is better to buy nothing.

    Args:
        points: the plans; only those with `bought` are drawn.
        width: pixels, or `container`.
        height: pixels.

    Returns:
        A Vega-Lite dictionary; an empty frame where nothing that costs money is bought.

    Example:
        >>> chart = worth_chart([Point("single", "m", 0.001, 0.5, 0.4, 0.6, 24, bought=True)])
        >>> print(chart["data"]["values"][-1]["left"])
        0.496
    """
    drawn = sorted((p for p in points if p.bought and p.accuracy > 0), key=lambda p: p.cost_usd)
    paid = [p.cost_usd / p.accuracy for p in drawn if p.cost_usd > 0]
    worths = _geometric(min(paid) / 2, max(paid) * 125, 120) if paid else []
    rows = [
        {"plan": p.name, "worth_usd": w, "left": round(p.accuracy - p.cost_usd / w, 6)}
        for p in drawn
        for w in worths
    ]
    return {
        "$schema": SCHEMA,
        "description": "Share of a right answer's worth that is left after paying, against that worth.",
        "width": width,
        "height": height,
        "data": {"values": [r for r in rows if r["left"] >= 0]},
        "mark": {"type": "line", "strokeWidth": 2.5, "clip": True},
        "encoding": {
            "x": {
                "field": "worth_usd",
                "type": "quantitative",
                **_money_axis(worths, "worth of a right answer", 1.0),
            },
            "y": {
                "field": "left",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"title": "left of its worth", "format": "%", "tickCount": 5},
            },
            "color": {
                "field": "plan",
                "type": "nominal",
                "title": None,
                "sort": None,
                "legend": {"columns": 2},
            },
            "tooltip": [
                {"field": "plan", "title": "plan"},
                {"field": "worth_usd", "title": "worth of a right answer", "format": "$.2~r"},
                {"field": "left", "title": "left of it", "format": ".0%"},
            ],
        },
    }


def theme(*, dark: bool = False) -> Chart:
    """The Vega-Lite configuration of all pictures, for a light or a dark page whose background they keep."""
    ink, faint = ("#e6e4df", "#3a3f47") if dark else ("#24292f", "#e4e2dc")
    words = {
        "labelColor": ink,
        "titleColor": ink,
        "labelFontSize": 12,
        "titleFontSize": 12.5,
        "titleFontWeight": 500,
    }
    return {
        "background": "transparent",
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None},
        "range": {"category": list(DARK if dark else LIGHT)},
        "axis": {
            **words,
            "gridColor": faint,
            "domain": False,
            "tickColor": faint,
            "labelPadding": 6,
            "titlePadding": 12,
        },
        "legend": {**words, "orient": "top", "symbolSize": 110, "labelLimit": 420, "direction": "horizontal"},
        "title": {"color": ink},
        "text": {"color": ink},
    }


def _dots(which: str, look: Chart, x: Chart, y: Chart, colour: Chart) -> Chart:
    return {
        "mark": {"type": "point", **look},
        "transform": [{"filter": which}],
        "encoding": {"x": x, "y": y, **colour, "tooltip": _tooltip()},
    }


def _row(p: Point) -> Chart:
    return {
        "name": p.name,
        "label": p.label or p.name,
        "series": p.series,
        "panel": p.panel,
        "k": p.k,
        "cost_usd": p.cost_usd,
        "accuracy": p.accuracy,
        "low": p.low,
        "high": p.high,
        "questions": p.questions,
        "bought": p.bought,
        "oracle": p.oracle,
    }


def _accuracy() -> Chart:
    return {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"title": "right answers", "format": "%", "tickCount": 5},
    }


def _colour(points: Iterable[Point]) -> Chart:
    """Colours in order of first appearance, so that light, dark and another chart of the same data agree."""
    series = list(dict.fromkeys(p.series for p in points))
    legend = {"symbolType": "circle", "symbolOpacity": 1} if len(series) > 1 else None
    return {"field": "series", "type": "nominal", "title": None, "scale": {"domain": series}, "legend": legend}


def _tooltip() -> list[Chart]:
    return [
        {"field": "name", "title": "plan"},
        {"field": "accuracy", "title": "right", "format": ".1%"},
        {"field": "low", "title": "95 % from", "format": ".1%"},
        {"field": "high", "title": "to", "format": ".1%"},
        {"field": "cost_usd", "title": "a question", "format": "$.3~r"},
        {"field": "questions", "title": "questions"},
    ]


def _money_axis(usd: Sequence[float], title: str, room: float = 1.6) -> Chart:
    """A logarithmic dollar axis with marks at 1, 2 and 5, and room on the left for the first name."""
    axis = {"title": f"{title} (log scale)", "format": "$.2~r", "grid": False, "labelOverlap": "greedy"}
    if not usd or min(usd) <= 0:
        return {"scale": {"zero": True, "nice": True}, "axis": {**axis, "title": title}}
    low, high = min(usd) / room**1.5, max(usd) * room**0.5
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    marks = [float(f"{m}e{d}") for d in decades for m in (1, 2, 5)]
    shown = [m for m in marks if low <= m <= high]
    return {"scale": {"type": "log", "domain": [low, high], "nice": False}, "axis": {**axis, "values": shown}}


def _geometric(low: float, high: float, n: int) -> list[float]:
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)]
