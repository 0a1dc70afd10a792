"""The charts of coverage with its laws, and of stated beliefs beside what happened."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.charts import SCHEMA, Chart
from outlay.report.further_words import FORMS
from outlay.report.more_samples import MoreSamples
from outlay.report.offer import named, short
from outlay.report.stated_beliefs import Stated

SHARE = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": "%", "tickCount": 5}}


def coverage_chart(m: MoreSamples, *, width: int | str = "container", height: int = 260) -> Chart:
    """Measured coverage as points with intervals, each law as a line with its band, prolonged past the samples.

    Args:
        m: one pool with its laws.
        width: pixels, or `container`.
        height: pixels.

    Returns:
        A Vega-Lite dictionary; the dotted rule stands where measuring ends.
    """
    laws = [
        {"k": at.k, "coverage": at.coverage, "low": at.low, "high": at.high, "law": FORMS[law.form]}
        for law in m.laws
        for at in law.curve
    ]
    seen = [{"k": at.k, "coverage": at.coverage, "low": at.low, "high": at.high} for at in m.measured]
    ks = sorted({row["k"] for row in (*laws, *seen)})
    x = {
        "field": "k",
        "type": "quantitative",
        "scale": {"type": "log", "base": 2, "nice": False},
        "axis": {"title": "samples a question", "values": ks, "format": "d", "grid": False},
    }
    y = {**SHARE, "field": "coverage", "axis": {**SHARE["axis"], "title": "questions with a right sample"}}
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    colour = {"color": {"field": "law", "type": "nominal", "title": None, "sort": None}}
    values = {"data": {"values": laws}}
    tip = [
        {"field": "k", "title": "samples"},
        {"field": "coverage", "title": "coverage", "format": ".1%"},
        {"field": "low", "title": "95 % from", "format": ".1%"},
        {"field": "high", "title": "to", "format": ".1%"},
    ]
    points = {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": "#808080"}
    return {
        "$schema": SCHEMA,
        "description": f"Coverage of {short(m.model)} by samples, with laws prolonged past {m.samples} samples.",
        "width": width,
        "height": height,
        "layer": [
            {**values, "mark": {"type": "area", "opacity": 0.14}, "encoding": {"x": x, **ends, **colour}},
            {**values, "mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y, **colour}},
            {
                "data": {"values": [{"k": m.samples}]},
                "mark": {"type": "rule", "strokeDash": [2, 4], "color": "#808080"},
                "encoding": {"x": x},
            },
            {
                "data": {"values": seen},
                "mark": {"type": "rule", "strokeWidth": 1.5, "color": "#808080"},
                "encoding": {"x": x, **ends},
            },
            {"data": {"values": seen}, "mark": points, "encoding": {"x": x, "y": y, "tooltip": tip}},
        ],
    }


def beliefs_chart(
    of: Sequence[Stated], *, several_models: bool, panel_width: int = 270, height: int = 200
) -> Chart:
    """The share right against the stated probability of each bin, its area the count; on the diagonal it is true.

    Args:
        of: the statements of plans, one panel each.
        several_models: whether names need their model.
        panel_width: pixels of one panel.
        height: pixels.

    Returns:
        A Vega-Lite dictionary.
    """
    x = {**SHARE, "field": "stated", "axis": {**SHARE["axis"], "title": "stated", "grid": False}}
    y = {**SHARE, "field": "right", "axis": {**SHARE["axis"], "title": "right"}}
    size = {"field": "count", "type": "quantitative", "legend": None, "scale": {"range": [30, 420]}}
    tip = [
        {"field": "stated", "format": ".0%"},
        {"field": "right", "format": ".0%"},
        {"field": "count", "title": "statements"},
    ]
    diagonal = {
        "data": {"values": [{"stated": 0, "right": 0}, {"stated": 1, "right": 1}]},
        "mark": {"type": "line", "strokeDash": [2, 4], "color": "#808080", "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y},
    }
    panels = []
    for s in of:
        bins = [{"stated": b.stated, "right": b.right, "count": b.count} for b in s.calibration.bins]
        lines = [named(s.plan.strategy, s.plan.verifier), *([short(s.plan.model)] if several_models else [])]
        mark = {"type": "point", "filled": True, "opacity": 0.85}
        dots = {
            "data": {"values": bins},
            "mark": mark,
            "encoding": {"x": x, "y": y, "size": size, "tooltip": tip},
        }
        title = {"text": lines, "anchor": "start", "fontSize": 12, "offset": 10, "limit": panel_width + 40}
        panels.append({"title": title, "width": panel_width, "height": height, "layer": [diagonal, dots]})
    return {
        "$schema": SCHEMA,
        "description": "Share of right answers against the stated probability, one panel a plan.",
        "columns": 3,
        "concat": panels,
    }
