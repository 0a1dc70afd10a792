import json

import pytest
import report_examples

from outlay.charts import DARK, LIGHT, Point, curves_chart, frontier_chart, theme, worth_chart
from outlay.report.pictures import curves_picture, frontier_picture, worth_picture
from outlay.report.summary import summarise

CHEAP = Point("single", "m", 0.001, 0.5, 0.4, 0.6, 24, bought=True)
DEAR = Point("vote", "m", 0.008, 0.7, 0.6, 0.8, 24, bought=True, k=8)


def axis(chart):
    return chart["layer"][0]["encoding"]["x"]


def test_cost_is_logarithmic_and_every_point_lies_inside():
    x = axis(frontier_chart([CHEAP, DEAR]))
    low, high = x["scale"]["domain"]
    assert x["scale"]["type"] == "log"
    assert low < 0.001 < 0.008 < high
    assert x["axis"]["values"] == [0.0005, 0.001, 0.002, 0.005, 0.01]


def test_a_free_plan_makes_the_axis_linear():
    x = axis(frontier_chart([Point("free", "m", 0.0, 0.5, 0.4, 0.6, 24), DEAR]))
    assert "type" not in x["scale"]


@pytest.mark.parametrize("draw", [frontier_chart, curves_chart, worth_chart])
def test_no_points_draw_an_empty_frame(draw):
    assert "$schema" in draw([])


def test_worth_is_what_is_left_after_paying():
    rows = worth_chart([CHEAP, DEAR])["data"]["values"]
    for row in rows:
        point = CHEAP if row["plan"] == "single" else DEAR
        assert row["left"] == pytest.approx(point.accuracy - point.cost_usd / row["worth_usd"], abs=1e-6)
    assert min(r["left"] for r in rows) >= 0


def test_themes_differ_and_palettes_have_no_repeats():
    assert theme()["range"] != theme(dark=True)["range"]
    assert len(set(LIGHT)) == len(LIGHT) == len(DARK) == len(set(DARK))


def test_pictures_are_json():
    report = summarise(report_examples.outcomes(10), report_examples.pools(), seed=1)
    for market in report.markets:
        for draw in (frontier_picture, curves_picture, worth_picture):
            json.dumps(draw(market), allow_nan=False)


def test_each_curve_of_recorded_pools_begins_at_one_sample():
    (market,) = summarise([], report_examples.pools(), seed=1).markets
    panels = curves_picture(market)["concat"]
    assert len(panels) == 2
    for panel in panels:
        begun = {row["series"] for row in panel["data"]["values"] if row["k"] == 1}
        assert begun == {"vote", "likelihood", "pass_at_k"}
