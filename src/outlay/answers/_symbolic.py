"""Equality of expressions by algebra (math-verify), for killable workers only: it may run for ever.

math-verify is imported with the module, because a worker's clock starts after the import; that it is missing is
said only when algebra is needed.
"""

from __future__ import annotations

import re
from typing import cast

from outlay.answers import math as kind
from outlay.errors import MissingExtra

try:
    from math_verify import parse, verify
except ImportError:
    parse = verify = None


def same(value: str, reference: str) -> bool:
    r"""Whether algebra shows a value to equal the reference; what does not parse equals only its own spelling.

    Not symmetric: the reference is the gold side of math-verify, which decides how equations and sets are read.

    Args:
        value: an answer as `math.extract` gives it.
        reference: the right answer, of the same form.

    Raises:
        MissingExtra: math-verify is needed and not installed.

    Example:
        >>> same("\\frac{2x+2}{2}", "x+1")
        True
    """
    if kind.equal(value, reference):
        return True
    if max(len(value), len(reference)) > kind.LONGEST or (_plain_number(value) and _plain_number(reference)):
        return False
    if parse is None or verify is None:
        raise MissingExtra("Comparing formulas needs math-verify; install it with: pip install 'outlay[math]'")
    gold, given = _parsed(reference), _parsed(value)
    if not gold or not given:
        return False
    return bool(verify(gold, given, timeout_seconds=None))


def group(values: list[str]) -> list[int]:
    r"""The class number of each value, so that values which algebra shows to be equal share one.

    Numbers count from 0 in order of first appearance. Which values share a class does not depend on their
    order: spellings are compared in sorted order, each with the classes found so far, in both directions.

    Args:
        values: answers as `math.extract` gives them, in any order, repeats welcome.

    Returns:
        One number a value.

    Raises:
        MissingExtra: math-verify is needed and not installed.

    Example:
        >>> group(["x+1", "2", "1+x", "\\frac{4}{2}"])
        [0, 1, 0, 1]
    """
    keys = [kind.canonical(v) or v for v in values]
    joined: dict[str, str] = {}
    leaders: list[str] = []
    for key in sorted(set(keys)):
        leader = next((one for one in leaders if same(key, one) or same(one, key)), None)
        if leader is None:
            leaders.append(key)
        joined[key] = leader or key
    order = {leader: place for place, leader in enumerate(dict.fromkeys(joined[k] for k in keys))}
    return [order[joined[k]] for k in keys]


def _plain_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(?:/[0-9]+)?", kind.canonical(text) or "") is not None


def _parsed(text: str) -> list:
    # No time limit of its own (it is typed as int, None switches it off): the worker is killed from outside.
    assert parse is not None
    return parse(f"${text}$", parsing_timeout=cast(int, None))
