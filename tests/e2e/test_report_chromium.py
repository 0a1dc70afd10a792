"""Real Chromium draws the page's pictures under its own content policy."""

import shutil
import subprocess

import pytest

from outlay.charts import Point, frontier_chart
from outlay.report.html import chart_page

CHEAP = Point("single", "m", 0.001, 0.5, 0.4, 0.6, 24, bought=True)
DEAR = Point("vote", "m", 0.008, 0.7, 0.6, 0.8, 24, bought=True, k=8)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_chromium_draws_the_frontier_under_the_policy(tmp_path):
    (tmp_path / "page.html").write_text(chart_page(frontier_chart([CHEAP, DEAR])), "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]  # fmt: skip
    page = (tmp_path / "page.html").as_uri()
    drawn = subprocess.run(["chromium", *flags, page], capture_output=True, text=True, timeout=90, check=True)
    assert "<svg" in drawn.stdout
    assert "cost of a question" in drawn.stdout
