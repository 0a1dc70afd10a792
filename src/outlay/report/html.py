"""The report as one HTML file: it loads nothing, and without scripts its words and tables stay."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path

import msgspec

from outlay.charts import Chart, theme
from outlay.errors import UsageError
from outlay.report import page_tables as tables
from outlay.report.market import Market
from outlay.report.offer import short
from outlay.report.page_further import further
from outlay.report.page_money import paid_back, spent
from outlay.report.pictures import curves_picture, frontier_picture, worth_picture
from outlay.report.summary import PriceLine, Provenance, Report
from outlay.report.words import SOURCES, buying_advice, cautions, dollars, required_accuracy

VENDORED = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")
FRONTIER = (
    "Each point is a plan, its bar the 95 % interval over questions. The dotted line joins the plans that are "
    "the best buy for some worth of a right answer; hollow points saw the answer key and cannot be bought."
)
CURVES = "Accuracy by samples a question, with 95 % bands over questions; dashed curves saw the answer key."
WORTH = "What is left of a right answer's worth after paying for it: at every worth, buy the highest curve."
ORACLE = "These plans saw the answer key. Nobody can buy them; they say what a perfect check would reach."


def page(report: Report, *, title: str = "What a right answer costs") -> str:
    """One self-contained HTML page: advice, pictures, tables, cautions, comparisons, oracles and provenance.

    It works from `file://` and offline: scripts are inlined and allowed by their hashes alone, so no text of a
    model or a user can run. All such texts are escaped. About 1 MB, nearly all of it the drawing library.

    Args:
        report: the report.
        title: the heading.

    Returns:
        The text of the file, to be written as UTF-8.
    """
    pictures = _Pictures()
    body = "".join(_section(market, report, pictures) for market in report.markets)
    if report.spending:
        body += f"<section>{_folded('Tokens and money by phase and role', spent(report.spending))}</section>"
    if not report.markets:
        body = "<section><h2>Nothing was asked yet.</h2></section>"
    return _document(
        title,
        f"""<header><div class="mark">outlay</div><h1>{escape(title)}</h1><p>{_about(report)}</p></header>
<main>{body}</main>
<footer><h3>Where these figures came from</h3>{_provenance(report.provenance)}</footer>""",
        pictures,
    )


def write(report: Report, path: Path) -> None:
    """Write the page of a report to a file, replacing it.

    Raises:
        UsageError: the file cannot be written there.
    """
    try:
        path.write_text(page(report), "utf-8")
    except OSError as error:
        raise UsageError(f"The page cannot be written to {path}: {error.strerror or error}.") from None


def chart_page(chart: Chart, *, dark: bool = False, width: int = 900) -> str:
    """A page that shows one chart alone, for a picture of it."""
    pictures = _Pictures(light_only=not dark, dark_only=dark)
    style = (
        f"body{{background:{'#14171b' if dark else '#ffffff'};padding:16px}}figure{{margin:0;width:{width}px}}"
    )
    return _document("outlay", f"<style>{style}</style>{pictures.add(chart, '')}", pictures)


class _Pictures:
    """The charts of one page, in order; each becomes a block of data that the script draws."""

    def __init__(self, *, light_only: bool = False, dark_only: bool = False):
        self._charts: list[Chart] = []
        self._themes = {"light": theme(dark=dark_only), "dark": theme(dark=not light_only)}

    def add(self, chart: Chart, caption: str) -> str:
        self._charts.append(chart)
        words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return f'<figure><div class="chart" data-chart="chart-{len(self._charts)}"></div>{words}</figure>'

    def data(self) -> str:
        blocks = {"themes": self._themes, **{f"chart-{i}": c for i, c in enumerate(self._charts, 1)}}
        return "".join(
            f'<script type="application/json" id="{name}">{safe_json(value)}</script>\n'
            for name, value in blocks.items()
        )


def safe_json(value: object) -> str:
    r"""JSON that can stand inside a script element: no `<`, `>`, `&` or line separators of its own.

    Example:
        >>> safe_json("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = msgspec.json.encode(value).decode()
    for c in "<>&\u2028\u2029":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text


def _document(title: str, body: str, pictures: _Pictures) -> str:
    scripts = [*(_vendored(name) for name in VENDORED), _static("report.js")]
    allowed = " ".join(f"'sha256-{_digest(s)}'" for s in scripts)
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    )
    inlined = "".join(f"<script>{s}</script>\n" for s in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>
{_static("report.css")}</style>
</head>
<body>
{body}
<noscript><p class="note">The pictures need scripts; the tables hold the same figures.</p></noscript>
{pictures.data()}{inlined}</body>
</html>
"""


def _section(market: Market, report: Report, pictures: _Pictures) -> str:
    cells = [c for c in report.cells if (c.task, c.source) == (market.task, market.source)]
    own = [c for c in report.comparisons if (c.task, c.source) == (market.task, market.source)]
    said = cautions(market, report.comparisons, report.cells)
    about = f"{market.questions:,} questions · {len(market.offers)} plans · {SOURCES[market.source]}"
    parts = [
        f'<h2>{escape(market.task)}</h2><p class="about">{about}</p>',
        "<h3>What to buy</h3>",
        tables.ribbon(market),
        tables.buys(market),
        f'<p class="advice">{escape(buying_advice(market))}</p>',
        f'<p class="note">{escape(required_accuracy(market))}</p>',
    ]
    if market.offers:
        parts += ["<h3>Accuracy and cost</h3>", pictures.add(frontier_picture(market), FRONTIER)]
    if market.source == "pools":
        parts += ["<h3>More samples</h3>", pictures.add(curves_picture(market), CURVES)]
        parts.append(_folded("Every selection and number of samples", tables.offers(market.offers, market)))
    else:
        parts += ["<h3>Every plan</h3>", tables.cells([c for c in cells if not c.oracle], market)]
    if market.offers:
        parts.append(
            _folded("What a right answer is worth, plan by plan", pictures.add(worth_picture(market), WORTH))
        )
    if said:
        parts.append("<h3>How far to trust this</h3>" + _list(said))
    folded = [*further(market, report, pictures.add), *paid_back(market, report, pictures.add)]
    parts += [_folded(heading, inner) for heading, inner in folded]
    if own:
        parts.append(_folded("Plan against plan, question by question", tables.compared(own, market)))
    parts.append(_oracles(market, [c for c in cells if c.oracle]))
    return f"<section>{''.join(parts)}</section>"


def _oracles(market: Market, cells: Sequence) -> str:
    if not market.oracles:
        return ""
    table = tables.offers(market.oracles, market) if market.source == "pools" else tables.cells(cells, market)
    return f'<div class="oracle"><h3>Oracle block</h3><p class="note">{ORACLE}</p>{table}</div>'


def _folded(summary: str, inner: str) -> str:
    return f"<details><summary>{escape(summary)}</summary><div>{inner}</div></details>"


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(s)}</li>' for s in sentences)}</ul>"


def _about(report: Report) -> str:
    tasks = dict.fromkeys(m.task for m in report.markets)
    models = dict.fromkeys(short(c.model) for c in (*report.cells, *report.pools))
    date = f" · {report.provenance.date}" if report.provenance.date else ""
    return escape(f"{', '.join(tasks)} · {', '.join(models)}{date}")


def _provenance(p: Provenance) -> str:
    rows = {
        "Date": p.date,
        "Machine": p.machine,
        "Seed": str(p.seed),
        "Command": p.command,
        "Versions": ", ".join(f"{name} {version}" for name, version in p.versions.items()),
    }
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows.items() if v)
    listed += "".join(f"<dt>{escape(short(q.model))}</dt><dd>{escape(_price(q))}</dd>" for q in p.prices)
    note = (
        "The question is the unit: accuracies have Wilson's 95 % intervals, costs bootstrap intervals, "
        "differences paired permutation tests, each p-value on its own."
    )
    return f"<dl>{listed}</dl><p>{escape(note)}</p>"


def _price(price: PriceLine) -> str:
    if price.input_usd_per_mtok is None and price.output_usd_per_mtok is None:
        return "no known price"
    read, written = dollars(price.input_usd_per_mtok), dollars(price.output_usd_per_mtok)
    said = [f"{read} in, {written} out, a million tokens", price.source, price.date]
    return " · ".join(part for part in said if part)


def _static(name: str) -> str:
    return files("outlay").joinpath("static", name).read_text("utf-8")


@lru_cache(maxsize=len(VENDORED))
def _vendored(name: str) -> str:
    """A vendored script without the pointer to its source map, which a browser's tools would go looking for."""
    text = files("outlay").joinpath("static", "vendor", name).read_text("utf-8")
    return text.partition("//# sourceMappingURL=")[0]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
