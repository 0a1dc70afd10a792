"""Every defect of the page has a test, and every test that it names exists."""

from __future__ import annotations

import re

from pages import ROOT

PAGE = (ROOT / "docs" / "defects.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)


def test_every_test_that_is_named_exists():
    for path, name in NAMED:
        source = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {name}\(", source, re.M), f"{path} has no {name}"


def test_every_row_names_a_test():
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (its_hub|optillm|both) \|", line)]
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"`tests/\S+::\w+`", row)] == []


def test_every_test_of_the_gateways_own_list_is_on_the_page():
    listed = (ROOT / "tests/e2e/test_gateway_peers.py").read_text("utf-8")
    assert set(re.findall(r"^async def (test_\w+)\(", listed, re.M)) <= {name for _, name in NAMED}
