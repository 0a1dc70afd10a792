"""Money as integers: nano-dollars (1 USD = 10^9 nUSD), prices in nano-dollars per million tokens.

Floats appear only at the edges, where people type and read dollars. A cost is rounded up once, per purchase, so that
a reservation is never below what it settles at and sums are exact.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation

from msgspec import Struct

from outlay.errors import UsageError
from outlay.types import Usage

NUSD = 1_000_000_000
"""Nano-dollars in a dollar."""


class Price(Struct, frozen=True, omit_defaults=True):
    """What a model charges, in nano-dollars per million tokens, with where that was read and when.

    A cache bucket without a price of its own costs what input costs.
    """

    input_nusd_per_mtok: int
    output_nusd_per_mtok: int
    cache_read_nusd_per_mtok: int | None = None
    cache_write_nusd_per_mtok: int | None = None
    source: str = ""
    date: str = ""


FREE = Price(0, 0, source="free", date="")


def cost_nusd(price: Price, usage: Usage) -> int:
    """What `usage` costs at `price`, in nano-dollars, rounded up once.

    Example:
        >>> cost_nusd(Price(150_000_000, 600_000_000), Usage(1000, 200))
        270000
    """
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    read_price = (
        price.input_nusd_per_mtok if price.cache_read_nusd_per_mtok is None else price.cache_read_nusd_per_mtok
    )
    write_price = (
        price.input_nusd_per_mtok
        if price.cache_write_nusd_per_mtok is None
        else price.cache_write_nusd_per_mtok
    )
    micro = (
        max(usage.input_tokens - read - write, 0) * price.input_nusd_per_mtok
        + read * read_price
        + write * write_price
        + usage.output_tokens * price.output_nusd_per_mtok
    )
    return -(-micro // 1_000_000)


def worst_nusd(price: Price, input_tokens: int, output_tokens: int) -> int:
    """The most that a purchase within these token bounds can cost: input at the dearest input bucket."""
    dearest = max(
        price.input_nusd_per_mtok, price.cache_read_nusd_per_mtok or 0, price.cache_write_nusd_per_mtok or 0
    )
    return -(-(input_tokens * dearest + output_tokens * price.output_nusd_per_mtok) // 1_000_000)


def nusd(usd: str | float | int | Decimal) -> int:
    """Dollars as nano-dollars, exactly as written, rounded up beyond the ninth digit.

    Raises:
        UsageError: not a finite, non-negative number of dollars.
    """
    try:
        value = Decimal(str(usd))
    except InvalidOperation:
        raise UsageError(f"{usd!r} is not an amount of dollars; write it like 0.05.") from None
    if not value.is_finite() or value < 0:
        raise UsageError(f"{usd!r} is not an amount of dollars; write a number from 0 up, like 0.05.")
    return int((value * NUSD).to_integral_value(ROUND_CEILING))


def usd(nano: int | None) -> float | None:
    """Nano-dollars as dollars for people and JSON; None stays None."""
    return None if nano is None else nano / NUSD


def show(nano: int | float | None, digits: int = 3) -> str:
    """Nano-dollars as dollars with `digits` significant digits; `unknown` for None.

    Example:
        >>> show(270_000), show(0), show(None), show(-12_345_000_000)
        ('$0.00027', '$0', 'unknown', '-$12.3')
    """
    if nano is None:
        return "unknown"
    if nano == 0:
        return "$0"
    if nano == float("inf"):
        return "never"
    value = Decimal(nano) / NUSD
    rounded = value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1))
    return f"{'-' if rounded < 0 else ''}${abs(rounded.normalize()):f}"
