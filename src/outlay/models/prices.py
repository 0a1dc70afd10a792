"""What a model of a known provider charges, from the dated snapshot that the package genai-prices carries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any

from outlay.money import NUSD, Price


def lookup(model: str, *, base_url: str | None = None, provider: str | None = None, on: date) -> Price | None:
    """The price of `model` at a provider on a day; None, and never 0, where the snapshot does not know it.

    The provider is known by its name or by the address of its API; without either there is no price, since the
    same name costs different amounts in different places. Of prices that depend on the time of day the dearest
    counts; of prices that rise with the length of the prompt the base one, and `source` says so. A model that
    also charges per request, or more for reasoning than for other output, has no price here: these four buckets
    would understate it.

    Args:
        model: the model's name as the provider writes it.
        base_url: the API's address, like `https://api.openai.com/v1`.
        provider: the provider's name, like `openai`; wins over the address.
        on: the day of the purchase.

    Returns:
        Nano-dollars per million tokens, rounded up, with source and date (of the newest price change that the
        snapshot knows on that day), or None.

    Cost: the first call imports genai-prices (about 0.6 s and 37 MB); later ones take under a millisecond.

    Source: genai-prices by Pydantic (MIT), its bundled snapshot only: nothing is downloaded.

    Example:
        >>> price = lookup("gpt-4o-mini", provider="openai", on=date(2026, 11, 1))
        >>> price.input_nusd_per_mtok, price.output_nusd_per_mtok
        (150000000, 600000000)
    """
    if provider is None and base_url is None:
        return None
    found = _model(model, base_url, provider)
    if found is None:
        return None
    priced = [found.get_prices(moment) for moment in _moments(found, on)]
    if any(getattr(p, name, None) for p in priced for name in _BEYOND):
        return None
    tiered: set[int] = set()
    buckets = {name: _dearest([getattr(p, name, None) for p in priced], tiered) for name in _BUCKETS}
    if buckets["input_mtok"] is None or buckets["output_mtok"] is None:
        return None
    return Price(
        input_nusd_per_mtok=buckets["input_mtok"],
        output_nusd_per_mtok=buckets["output_mtok"],
        cache_read_nusd_per_mtok=buckets["cache_read_mtok"],
        cache_write_nusd_per_mtok=buckets["cache_write_mtok"],
        source=_source(tiered),
        date=_date(on),
    )


_BUCKETS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_BEYOND = ("requests_kcount", "output_reasoning_mtok")


def _model(model: str, base_url: str | None, provider: str | None) -> Any:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, provider, None if provider else base_url)[1]
    except LookupError:
        return None


def _moments(found: Any, on: date) -> list[datetime]:
    """The moments of a day between which prices can change: midnight, and where a time-of-day price begins."""
    moments = [datetime(on.year, on.month, on.day, tzinfo=UTC)]
    if isinstance(found.prices, list):
        for conditional in found.prices:
            for edge in ("start_time", "end_time"):
                clock = getattr(conditional.constraint, edge, None)
                if clock is not None:
                    moments.append(datetime.combine(on, clock))
    return moments


def _dearest(prices: list[Any], tiered: set[int]) -> int | None:
    """The largest of the prices in nano-dollars, None where one is missing; notes where tiers begin."""
    known: list[int] = []
    for price in prices:
        if price is None:
            return None
        if not isinstance(price, Decimal):
            tiered.update(tier.start for tier in price.tiers)
            price = price.base
        known.append(int((price * NUSD).to_integral_value(ROUND_CEILING)))
    return max(known)


def _source(tiered: set[int]) -> str:
    from importlib.metadata import version

    rises = f"; base tier, dearer above {min(tiered)} input tokens" if tiered else ""
    return f"genai-prices {version('genai-prices')} snapshot{rises}"


@lru_cache(maxsize=8)
def _date(on: date) -> str:
    from genai_prices.data_snapshot import get_snapshot

    starts = (
        getattr(conditional.constraint, "start_date", None)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        for conditional in model.prices
    )
    return max((s for s in starts if s is not None and s <= on), default=on).isoformat()
