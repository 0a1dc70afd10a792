r"""A number: integer, decimal or fraction, compared exactly.

The last stated answer that holds a number wins (`\boxed{}`, `Answer:`, `the answer is`, `####`, answer tags),
then the last bold number, then the last of the last three lines that holds one. Of an equation the right-hand
side counts; an expression that is not evaluated (`3 * 4`) is no number, but `3/4` is a fraction. Currency
signs, thousands commas, units and a percent sign are dropped: `12.50%` is 12.5, because questions that ask
for a percentage are answered either way.
"""

from __future__ import annotations

import re
from fractions import Fraction

from outlay.answers._stated import bold, last_lines, statements

MOST_DIGITS = 400
"""Longer numbers are refused: nobody asks for them, and exact arithmetic on them is slow."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>[-+]?)(?P<top>{_DIGITS})(?P<e>[eE][-+]?[0-9]{{1,3}}(?![0-9]))?"
    rf"(?:\s?/\s?(?P<under>{_DIGITS}))?(?![0-9])"
)
_OPERATOR = re.compile(r"[0-9)]\s{0,4}(?:[-+*^×÷·/]|\\times|\\cdot|\\div)\s{0,4}\(?\s{0,4}[-+]?[0-9]")
_FRACTION = re.compile(
    r"\\[dt]?frac\s{0,4}(?:\{\s{0,4}([-+]?[0-9.,]{1,40})\s{0,4}\}|([0-9]))"
    r"\s{0,4}(?:\{\s{0,4}([0-9.,]{1,40})\s{0,4}\}|([0-9])(?![0-9]))"
)
"""With the braces or, around one digit, without them, as LaTeX reads both."""
_EQUALS = re.compile(r"=|≈|≅|\bis equal to\b|\bequals\b")
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|textbf|boxed)\{")
_NOISE = re.compile(r"\\[,!;:% ]|\\?[$£€¥]|\\left|\\right|\\\(|\\\)|\\\[|\\\]|[{}*`]{1,4}(?![0-9(\s])")
_UNIT = re.compile(r"\s{0,4}(?:%|percent|[^\W\d_][^\d=+*^]{0,60})?[.\s]{0,4}")
_ENUMERATOR = re.compile(
    r"^\s{0,8}(?:[-*•]\s{1,4})?(?:(?:step\s{1,4})?[0-9]{1,3}[.):]\s{1,4})(?=\S)", re.IGNORECASE
)
_SIGN_APART = re.compile(r"^\s{0,8}([-+])\s{1,4}(?=[0-9.])")
_CURRENCY = re.compile(r"([-+]?)\\?[$£€¥]\s?(?=[0-9.])")
_WHOLE_FRACTION = re.compile(rf"(?<![\w.]){_DIGITS}\s?/\s?{_DIGITS}(?!\s{{0,4}}[-+*/^×÷])")
_MARKUP = re.compile(r"[\\$£€¥{}*`−–]")


def extract(text: str) -> str | None:
    r"""The number that a text gives as its answer, without commas, currency, unit or percent sign; None: none.

    With nothing stated, the last line that holds a number counts, of the last three: right of its last `=`,
    else its last number. A model that echoes the placeholder (`Answer: <number>`) is read by the line above
    it.

    Example:
        >>> extract("Answer: 773 - 959 = 784"), extract("so it is \\boxed{1{,}234}"), extract("Step 3: add")
        ('784', '1234', None)
    """
    for stated in statements(text):
        if (found := _of_statement(stated)) is not None:
            return found
    for stated in bold(text):
        if (found := _of_statement(stated)) is not None:
            return found
    for line in last_lines(text):
        if (found := _of_line(line)) is not None:
            return found
    return None


def canonical(value: str) -> str | None:
    """The exact value in lowest terms, `n` or `n/d`; None where the text is not one number (a unit may follow).

    Example:
        >>> canonical("$1,234.0"), canonical("12.50%"), canonical("-0"), canonical("0.125"), canonical("1e3")
        ('1234', '25/2', '0', '1/8', '1000')
    """
    if value.isdigit() and value.isascii() and len(value) <= MOST_DIGITS:
        return value.lstrip("0") or "0"
    plain = _plain(value[: 4 * MOST_DIGITS])
    match = _NUMBER.match(plain)
    if match is None or _UNIT.fullmatch(plain, match.end()) is None or len(value) > 4 * MOST_DIGITS:
        return None
    exact = _exact(match)
    return None if exact is None else str(exact)


def equal(value: str, reference: str) -> bool:
    """Whether two texts are the same number, exactly; what is not a number equals nothing.

    Example:
        >>> equal("0.50", "1/2"), equal("x", "x")
        (True, False)
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def _of_statement(stated: str) -> str | None:
    for side in reversed(_EQUALS.split(_plain(stated[:2000]))):
        side = _SIGN_APART.sub(r"\1", side).strip()
        if _NUMBER.search(side):
            return None if _expression(side) else _first(side)
    return None


def _of_line(line: str) -> str | None:
    plain = _ENUMERATOR.sub("", _plain(line[-2000:]))
    if _EQUALS.search(plain):
        return _of_statement(plain)
    if _expression(plain):
        return None
    found = [m for m in _NUMBER.finditer(plain) if not _heading(plain, m)]
    return _shown(found[-1]) if found else None


def _heading(plain: str, match: re.Match[str]) -> bool:
    return plain[: match.start()].rstrip().lower().endswith(("step", "part", "question", "problem"))


def _expression(side: str) -> bool:
    return _OPERATOR.search(_WHOLE_FRACTION.sub("0", side)) is not None


def _first(side: str) -> str | None:
    match = _NUMBER.search(side)
    return _shown(match) if match else None


def _over(match: re.Match[str]) -> str:
    return f"{match[1] or match[2]}/{match[3] or match[4]}"


def _shown(match: re.Match[str]) -> str | None:
    if not _readable(match):
        return None
    sign = "-" if match["sign"] == "-" else ""
    under = f"/{match['under'].replace(',', '')}" if match["under"] else ""
    return f"{sign}{match['top'].replace(',', '')}{match['e'] or ''}{under}"


def _exact(match: re.Match[str]) -> Fraction | None:
    if not _readable(match):
        return None
    top = Fraction(match["top"].replace(",", "") + (match["e"] or ""))
    under = Fraction(match["under"].replace(",", "")) if match["under"] else Fraction(1)
    return (-top if match["sign"] == "-" else top) / under


def _readable(match: re.Match[str]) -> bool:
    """Whether a number is short enough to be exact about, and nothing is divided by zero."""
    under = match["under"]
    return (
        len(match[0]) <= MOST_DIGITS
        and (match["e"] is None or abs(int(match["e"][1:])) <= MOST_DIGITS)
        and (under is None or any(digit in "123456789" for digit in under))
    )


def _plain(text: str) -> str:
    if _MARKUP.search(text) is None:
        return text.strip().strip(" \t\n\"'<>(")
    text = text.replace("{,}", ",").replace("−", "-").replace("–", "-").replace("\\dots", " ").strip()
    text = _WRAPPED.sub(" ", _FRACTION.sub(_over, text))
    text = _CURRENCY.sub(r"\1", text)
    return _NOISE.sub("", text).strip(" \t\n\"'<>(")
