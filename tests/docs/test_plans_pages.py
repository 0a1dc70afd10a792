"""Every key of a plan, a route and `[[auto.TASK_CLASS]]` has its row in the page of the configuration, no other has."""

from __future__ import annotations

import msgspec
import pytest
from pages import ROOT, tables

from outlay.config.auto import Measured
from outlay.config.plans import PlanEntry
from outlay.config.routes import RouteEntry

PAGE = ROOT / "docs" / "configuration.md"


@pytest.mark.parametrize(
    ("table", "struct"),
    [
        ("key of `[plans.NAME]`", PlanEntry),
        ("key of `[[routes]]`", RouteEntry),
        ("key of `[[auto.TASK_CLASS]]`", Measured),
    ],
)
def test_every_key_has_its_row(table: str, struct: type[msgspec.Struct]):
    assert set(tables(PAGE, table)) == {field.name for field in msgspec.structs.fields(struct)}
