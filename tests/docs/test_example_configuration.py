"""The example configuration can be read, and shows a chain, routes, a webhook and `[auto]`."""

from __future__ import annotations

from pages import ROOT

from outlay import config
from outlay.config.routes import route_of
from outlay.gateway.app import app


def test_the_example_is_a_whole_configuration():
    shown = config.read(ROOT / "examples" / "outlay.toml")
    assert shown.plan("always").chain == ("small", "large")
    assert shown.plan(shown.auto["arithmetic"]).kind == "number"
    assert str(shown.plan("checked").verifier).startswith("webhook:")
    taken = route_of(shown.routes, "gpt-4o-mini", None, "local")
    assert taken is not None
    assert taken.plan == "always"
    assert app(shown)
