import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
import report_examples

from outlay.errors import UsageError
from outlay.report import table
from outlay.report.html import page, safe_json, write
from outlay.report.outcome import Outcome
from outlay.report.summary import PriceLine, Provenance, Report, summarise

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def report() -> Report:
    prices = (PriceLine("local/qwen2.5-coder-0.5b", 0.01, 0.9, "calibrated here", "2026-11-25"),)
    provenance = Provenance(date="2026-11-25", machine="2 cores", seed=1, prices=prices)
    return summarise(report_examples.outcomes(30), report_examples.pools(), seed=1, provenance=provenance)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    return parser


def test_the_page_is_well_formed_and_loads_nothing(report):
    parsed = tags(page(report))
    assert parsed.open == []
    assert not any({"src", "href", "onclick", "onerror"} & attrs.keys() for _, attrs in parsed.found)


def test_every_script_is_allowed_by_its_hash_and_nothing_else_is(report):
    text = page(report)
    policy = re.search(r'content="(default-src[^"]*)"', text).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy) == digests
    assert len(digests) == 4
    script_rule = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe" not in script_rule
    assert "default-src 'none'" in policy


def test_hostile_texts_stay_texts():
    asked = [
        Outcome(EVIL, EVIL, EVIL, "q", True, 1.0, verifier=EVIL, cost_nusd=10, failed=failed)
        for failed in ("", EVIL)
    ]
    text = page(summarise(asked, seed=1, provenance=Provenance(command=EVIL, machine=EVIL)), title=EVIL)
    parsed = tags(text)
    assert [tag for tag, _ in parsed.found].count("img") == 0
    assert "alert(1)</script>" not in text
    assert [tag for tag, _ in parsed.found].count("script") == 4 + 1 + 2


def test_json_in_a_script_cannot_end_it():
    assert not set("<>&\u2028\u2029") & set(safe_json({EVIL: "\u2028\u2029&<!--"}))


def test_words_and_tables_stand_without_scripts(report):
    text = re.sub(r"<script.*?</script>", "", page(report), flags=re.DOTALL)
    for part in (
        "What to buy",
        "buy nothing",
        "Oracle block",
        "self_consistency:n=16",
        "calibrated here",
        "Brier",
    ):
        assert part in text


def test_oracles_stand_in_their_own_block_only(report):
    section = page(report).split("<section>")[1]
    before, oracle = section.split('<div class="oracle">')
    assert "checked by reference" in oracle
    assert "checked by reference" not in re.sub(r"<script.*", "", before, flags=re.DOTALL)


def test_an_empty_report_says_so():
    assert "Nothing was asked yet." in page(summarise([], seed=1))


def test_a_page_that_cannot_be_written_is_one_sentence(report, tmp_path):
    write(report, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 1_500_000
    with pytest.raises(UsageError, match="cannot be written"):
        write(report, tmp_path / "missing" / "report.html")


def test_vendored_scripts_are_the_listed_bytes():
    vendor = files("outlay").joinpath("static", "vendor")
    listed = dict(reversed(line.split()) for line in vendor.joinpath("SHA256SUMS").read_text().splitlines())
    assert len(listed) == 3
    for name, digest in listed.items():
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == digest
        assert "</script" not in vendor.joinpath(name).read_text("utf-8").lower()


def test_the_table_on_a_pipe_is_plain_and_complete(report):
    out = io.StringIO()
    table.write(report, out)
    text = out.getvalue()
    assert "\x1b" not in text
    for part in ("● single", "What to buy", "less than $", "Oracle block", "vote", "p50 s"):
        assert part in text


def test_the_table_drops_control_characters_and_reads_no_markup():
    asked = [Outcome("\x1b[2Jtask", "[bold]m[/bold]\x07", "single", "q", True, 1.0, cost_nusd=10)]
    out = io.StringIO()
    table.write(summarise(asked, seed=1), out)
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "[bold]m[/bold]" in out.getvalue()
