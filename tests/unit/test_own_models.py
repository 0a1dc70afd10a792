"""A model of one's own, named as package.module:object."""

import sys
import types

import pytest

from outlay.config import Config
from outlay.errors import UsageError
from outlay.models.open import open_model
from outlay.testing import scripted


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("acme.models")
    monkeypatch.setitem(sys.modules, "acme", types.ModuleType("acme"))
    monkeypatch.setitem(sys.modules, "acme.models", made)
    return made


def test_an_object_a_function_and_a_class_are_accepted(module):
    module.ready = scripted(lambda r, i: "42")
    module.make = lambda: scripted(lambda r, i: "43")
    module.kind = type(
        "kind", (scripted,), {"__init__": lambda self: scripted.__init__(self, lambda r, i: "44")}
    )
    assert open_model("acme.models:ready", Config(), env={}) is module.ready
    assert isinstance(open_model("acme.models:make", Config(), env={}), scripted)
    assert isinstance(open_model("acme.models:kind", Config(), env={}), module.kind)


@pytest.mark.parametrize("name", ["acme.models:gone", "acme.nowhere:x", "acme.models:number"])
def test_what_is_no_model_is_one_sentence(module, name):
    module.number = 7
    with pytest.raises(UsageError, match=r"cannot be imported|is no model"):
        open_model(name, Config(), env={})


def test_a_servers_model_with_a_colon_stays_a_servers_model():
    model = open_model("qwen2.5:7b", Config(), env={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert type(model).__name__ == "openai_chat"
