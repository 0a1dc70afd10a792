"""A JSON value, compared by content: key order, spacing and the spelling of numbers do not matter.

The last fenced block that parses wins, then the whole text, then the last object or array in it. Numbers are
exact (1, 1.0 and 1e0 are one), `true` is not 1, the last of two equal keys counts; NaN, Infinity and nesting
deeper than `DEEPEST` are refused.
"""

from __future__ import annotations

from decimal import Decimal
from json import JSONDecoder, dumps
from typing import Any, NoReturn

from outlay.answers._stated import fences, tail

DEEPEST = 100
"""Levels of nesting that are followed."""
LONGEST = 100_000
"""Characters that are read from the end of a text."""
_TRIES = 500


def extract(text: str) -> str | None:
    """The JSON value that a text gives, as it was written; None where nothing parses.

    Example:
        >>> extract('Here: {"a": 1}. Done'), extract("{broken")
        ('{"a": 1}', None)
    """
    text = tail(text, LONGEST)
    for candidate in [*(body for _, body in reversed(fences(text, LONGEST)[-50:])), text]:
        if canonical(candidate) is not None:
            return candidate.strip()
    return _last_in(text)


def canonical(value: str) -> str | None:
    """The value with sorted keys, no spaces and exact numbers in lowest form; None where it is not JSON.

    Example:
        >>> canonical('{"b": 1.50, "a": [1.0, true]}'), canonical("nope")
        ('{"a":[1,true],"b":1.5}', None)
    """
    if len(value) > LONGEST:
        return None
    try:
        return written(_DECODER.decode(value))
    except (ValueError, ArithmeticError, RecursionError):
        return None


def equal(value: str, reference: str) -> bool:
    """Whether two JSON texts hold the same value.

    Example:
        >>> equal('{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}')
        True
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def written(value: Any, depth: int = 0) -> str:
    """A parsed JSON value in canonical form.

    Raises:
        ValueError: it is nested too deep, or holds what JSON cannot.

    Example:
        >>> written({"b": None, "a": [Decimal("2.0")]})
        '{"a":[2],"b":null}'
    """
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        pairs = (f"{dumps(k)}:{written(v, depth + 1)}" for k, v in sorted(value.items()))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(v, depth + 1) for v in value) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return dumps(value)
    return _number(value)


def _number(value: Decimal | int | float) -> str:
    sign, digits, exponent = Decimal(str(value)).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")
    shown = "".join(map(str, digits)).lstrip("0")
    kept = shown.rstrip("0")
    if not kept:
        return "0"
    exponent += len(shown) - len(kept)
    mark = "-" if sign else ""
    if 0 <= exponent <= 20:
        return mark + kept + "0" * exponent
    if -20 <= exponent < 0:
        kept = kept.rjust(1 - exponent, "0")
        return f"{mark}{kept[:exponent]}.{kept[exponent:]}"
    return f"{mark}{kept}e{exponent}"


def _last_in(text: str) -> str | None:
    found, place, tries = None, 0, 0
    while tries < _TRIES:
        starts = [i for i in (text.find("{", place), text.find("[", place)) if i >= 0]
        if not starts:
            break
        start = min(starts)
        try:
            value, place = _DECODER.raw_decode(text, start)
            written(value)
            found = text[start:place]
        except (ValueError, ArithmeticError, RecursionError):
            place, tries = start + 1, tries + 1
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
