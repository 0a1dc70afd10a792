import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, ModelPrice, Tier, TieredPrices

from outlay.models import prices
from outlay.models.prices import lookup

DAY = date(2026, 11, 1)


def test_a_known_model_by_provider_and_by_address():
    price = lookup("gpt-4o-mini", provider="openai", on=DAY)
    assert price == lookup("gpt-4o-mini", base_url="https://api.openai.com/v1", on=DAY)
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (150_000_000, 600_000_000)
    assert price.cache_read_nusd_per_mtok == 75_000_000
    assert price.cache_write_nusd_per_mtok is None
    assert price.source.startswith("genai-prices 0.2.")
    assert price.source.endswith("snapshot")
    assert "2026-01-01" < price.date <= "2026-11-01"


@pytest.mark.parametrize(
    "model, where",
    [
        ("no-such-model", {"provider": "openai"}),
        ("gpt-4o-mini", {"provider": "no-such-provider"}),
        ("gpt-4o-mini", {"base_url": "http://127.0.0.1:8000/v1"}),
        ("gpt-4o-mini", {}),
        ("sonar-pro", {"provider": "perplexity"}),  # charges per request too
    ],
)
def test_unknown_is_none_and_never_zero(model, where):
    assert lookup(model, on=DAY, **where) is None


def test_the_price_is_that_of_the_day():
    known = {"base_url": "https://openrouter.ai/api/v1"}
    before = lookup("qwen/qwen-2.5-7b-instruct", on=date(2026, 10, 18), **known)
    after = lookup("qwen/qwen-2.5-7b-instruct", on=date(2026, 10, 19), **known)
    assert (before.input_nusd_per_mtok, after.input_nusd_per_mtok) == (40_000_000, 100_000_000)
    assert before.date < after.date


def test_a_price_by_the_time_of_day_counts_at_its_dearest():
    assert lookup("deepseek-chat", provider="deepseek", on=DAY).input_nusd_per_mtok == 270_000_000


def test_tiers_take_the_base_and_say_so():
    price = lookup("gemini-2.5-pro", provider="google", on=DAY)
    assert price.input_nusd_per_mtok == 1_250_000_000
    assert "base tier, dearer above 200000 input tokens" in price.source


def planted(monkeypatch, given):
    model = ModelInfo(id="m", match=ClauseEquals("m"), prices=given)
    monkeypatch.setattr(prices, "_model", lambda *_: model)
    return lookup("m", provider="p", on=DAY)


def test_fractions_are_rounded_up(monkeypatch):
    price = planted(monkeypatch, ModelPrice(input_mtok=Decimal("0.00000000011"), output_mtok=Decimal(1)))
    assert price.input_nusd_per_mtok == 1


def test_a_stated_zero_is_a_price_and_a_missing_one_is_not(monkeypatch):
    assert (
        planted(monkeypatch, ModelPrice(input_mtok=Decimal(0), output_mtok=Decimal(0))).input_nusd_per_mtok == 0
    )
    assert planted(monkeypatch, ModelPrice(input_mtok=Decimal(1))) is None


def test_tiered_conditional_prices(monkeypatch):
    tiered = TieredPrices(base=Decimal(1), tiers=[Tier(start=100, price=Decimal(2))])
    given = [ConditionalPrice(prices=ModelPrice(input_mtok=tiered, output_mtok=Decimal(3)))]
    price = planted(monkeypatch, given)
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (10**9, 3 * 10**9)


def test_importing_prices_does_not_import_the_snapshot():
    code = (
        "import sys, outlay.models.prices; sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
