"""Finds the sums that a text works out (`a op b = c`) and says which hold. Nothing is evaluated as code."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

MOST = 50_000
"""Characters of a text that are read, from its end."""
DIGITS = 40
"""A longer number makes its sum one that is not checked."""
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![0-9])\.[0-9]+)"
    r"|(?P<bold>\*\*)|(?P<times>\\times|\\cdot|×|·|\*|(?<=[0-9)])\s{0,3}x(?=\s{0,3}[0-9(]))"
    r"|(?P<over>\\div|÷|/)|(?P<plus>\+)|(?P<minus>[-−–])|(?P<open>\()|(?P<close>\))"
    r"|(?P<equals>=|≈|≅|\\approx)|(?P<blank>[\s$€£¥]+|\\[,;()\[\]]|\\\$)|(?P<other>[^\W\d_]+|.)",
    re.DOTALL,
)
_SIGNS = {"times": "*", "over": "/", "plus": "+", "minus": "-", "open": "(", "close": ")", "equals": "="}
_BULLET = re.compile(r"^\s{0,8}(?:[-*•]\s+|\(?[0-9]{1,3}[.)]\s+)")
# After these the first side is only a part of what is meant.
_BINDING = frozenset(
    {"of", "times", "plus", "minus", "by", "over", "less", "than", "^", "%", "√", "!", "_", "]", "}"}
)


def sums(text: str) -> list[bool]:
    """Whether each sum that a text works out holds, in order of appearance; what cannot be read is left out.

    Both sides must be numbers joined by + - * / and brackets, one of them with an operator. A result with decimals
    may be rounded to them, another must be exact.

    Example:
        >>> sums("First 17 + 4 = 21. Then 21 - 9 = 13, so 2x + 1 = 5 and 10 / 3 = 3.33")
        [True, False, True]
    """
    found: list[bool] = []
    for line in text[-MOST:].splitlines():
        for equation in _equations(_BULLET.sub("", line)):
            sides = [_value(side) for side in equation]
            for (left, joined), (right, other) in pairwise(sides):
                if left is not None and right is not None and joined + other:
                    found.append(_same(left, right, equation))
    return found


Side = list[str]


def _equations(line: str) -> list[list[Side]]:
    """The runs of a line that are made of numbers, operators and equals signs, split at these."""
    found: list[list[Side]] = []
    sides: list[Side] = [[]]
    depth, before, adjacent = 0, "", False
    for match in _TOKEN.finditer(line):
        kind, token = match.lastgroup, match[0]
        if kind in ("blank", "bold"):
            adjacent = False
            continue
        breaks = kind == "other" or (kind == "close" and not depth)
        if kind == "number" and sides[-1] and (sides[-1][-1] == ")" or sides[-1][-1][0] in "0123456789."):
            breaks = True
        if breaks:
            # A letter right behind a number makes it part of a term (`5x`), which is not its value.
            if kind == "other" and adjacent and token[0].isalpha():
                sides[-1] = ["?"]
            found.append(sides)
            sides, depth, before = [[]], 0, token.lower() if kind != "number" else ""
        adjacent = kind == "number"
        if kind == "other" or (kind == "close" and breaks):
            continue
        if before and not sides[-1] and len(sides) == 1 and _bound(before, line, match.start()):
            sides[-1].append("?")
        depth += (kind == "open") - (kind == "close")
        if kind == "equals":
            sides.append([])
            depth = 0
        else:
            sides[-1].append(_SIGNS.get(kind or "", token.replace(",", "")))
    found.append(sides)
    return [_trimmed(s) for s in found if len(s) > 1]


def _bound(before: str, line: str, at: int) -> bool:
    """Whether what stands before a side belongs to it: a letter right before it, or a word like `of`."""
    return (
        before in _BINDING
        or (before[-1].isalpha() and at > 0 and not line[at - 1].isspace())
        or (before[-1].isalpha() and line[at] in "+-*/×÷·−–")
    )


def _trimmed(sides: list[Side]) -> list[Side]:
    while sides[-1] and sides[-1][-1] == "(":
        sides[-1].pop()
    return sides


def _value(side: Side) -> tuple[Fraction | None, bool]:
    """A side's exact value, None where it has none, and whether it has an operator between numbers."""
    if len(side) > 200 or any(len(t) > DIGITS for t in side):
        return None, False
    reader = _Reader(side)
    value = reader.sum_of()
    return (value if reader.at == len(side) else None), reader.operators > 0


class _Reader:
    """Reads sums of products of signed numbers and brackets; depth is bounded by the length of a side."""

    def __init__(self, tokens: Side):
        self.tokens, self.at, self.operators = tokens, 0, 0

    def sum_of(self) -> Fraction | None:
        value = self.product()
        while value is not None and self._next() in ("+", "-"):
            sign = self._take()
            more = self.product()
            value = None if more is None else value + more if sign == "+" else value - more
        return value

    def product(self) -> Fraction | None:
        value = self.atom()
        while value is not None and self._next() in ("*", "/"):
            sign = self._take()
            more = self.atom()
            if more is None or (sign == "/" and more == 0):
                return None
            value = value * more if sign == "*" else value / more
        return value

    def atom(self) -> Fraction | None:
        token = self._next()
        if token in ("+", "-"):
            self.at += 1
            value = self.atom()
            return None if value is None else value if token == "+" else -value
        if token == "(":
            self.at += 1
            value = self.sum_of()
            if self._next() != ")":
                return None
            self.at += 1
            return value
        if not token or token[0] not in "0123456789.":
            return None
        self.at += 1
        return Fraction(token)

    def _take(self) -> str:
        self.at += 1
        self.operators += 1
        return self.tokens[self.at - 1]

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""


def _same(left: Fraction, right: Fraction, equation: list[Side]) -> bool:
    places = max((len(t.partition(".")[2]) for side in equation for t in side if "." in t), default=0)
    return left == right if not places else abs(left - right) <= Fraction(1, 2 * 10**places)
