"""The picture of a frontier, from the JSON of a report or a chart's own, drawn by headless Chromium.

outlay report DIR --html report.html writes the page; a script writes the JSON with
`msgspec.json.encode(report)`. Then:

python bench/picture.py report.json docs/frontier.svg                 the first market, light
python bench/picture.py report.json docs/frontier.png --task sums --source pools --chart curves --dark
python bench/picture.py DIR/pareto.vl.json docs/pairs.svg             the chart that a bench leaves
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from outlay.report.html import chart_page
from outlay.report.market import Market
from outlay.report.pictures import curves_picture, frontier_picture, worth_picture
from outlay.report.summary import Report

CHARTS = {"frontier": frontier_picture, "curves": curves_picture, "worth": worth_picture}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
]
WIDTH, HEIGHT = 1000, 510


def chosen(report: Report, task: str, source: str) -> Market:
    for market in report.markets:
        if task in ("", market.task) and source in ("", market.source):
            return market
    sys.exit(f"The report has no market of task {task!r} and source {source!r}.")


def chromium(page: str, *flags: str) -> str:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is missing; install the package chromium.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "picture.html")
        file.write_text(page, "utf-8")
        command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", *flags, file.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(f"Chromium failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def svg(page: str) -> str:
    found = re.search(
        r"<svg .*?</svg>", chromium(page, f"--window-size={WIDTH},{HEIGHT}", "--dump-dom"), re.DOTALL
    )
    if found is None:
        sys.exit("Chromium drew no picture.")
    return found.group(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="a report, or a chart whose name ends in .vl.json")
    parser.add_argument("picture", type=Path, help="a file that ends in .svg or .png")
    parser.add_argument("--task", default="")
    parser.add_argument("--source", default="", choices=["", "live", "recorded", "pools"])
    parser.add_argument("--chart", default="frontier", choices=sorted(CHARTS))
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    found = given.report.read_bytes()
    if given.report.name.endswith(".vl.json"):
        chart = msgspec.json.decode(found)
        if "width" in chart:  # panels beside each other have widths of their own
            chart["width"] = "container"
    else:
        report = msgspec.json.decode(found, type=Report)
        chart = CHARTS[given.chart](chosen(report, given.task, given.source))
    page = chart_page(chart, dark=given.dark, width=WIDTH - 40)
    if given.picture.suffix == ".svg":
        given.picture.write_text(svg(page), "utf-8")
    else:
        size = [f"--window-size={WIDTH},{HEIGHT}", "--force-device-scale-factor=2"]
        chromium(page, *size, f"--screenshot={given.picture.resolve()}")
    print(f"{given.picture}: {given.picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
