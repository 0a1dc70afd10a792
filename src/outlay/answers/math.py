r"""A mathematical expression: numbers exactly, the rest by its LaTeX, and by algebra in a killable process.

`canonical` only tidies (no algebra), so `x+1` and `1+x` are two classes until `classes_in_worker` has joined
them. Whoever can start a worker calls that function on the values of a pool before selection, and
`equal_in_worker` where `equal` says no: they need the extra `math`, and they may run for ever, so they run
only there.
"""

from __future__ import annotations

import re

from outlay.answers import number
from outlay.answers._stated import bold, last_lines, statements, tail

classes_in_worker = "outlay.answers._symbolic:group"
"""The function, by path, that joins values which algebra shows to be equal."""
equal_in_worker = "outlay.answers._symbolic:same"
"""The function, by path, that compares a value with a reference by algebra."""

LONGEST = 2000
"""Longer expressions are no answer."""

_DISPLAY = re.compile(
    r"\$\$([^$]{1,2000})\$\$|\$([^$\n]{1,2000})\$|\\\[(.{1,2000}?)\\\]|\\\((.{1,2000}?)\\\)", re.DOTALL
)
_COMMAND = re.compile(r"(\\[A-Za-z]{1,30})\s{1,9}(?=[A-Za-z])")
_ASSIGNED = re.compile(r"^\s{0,8}[A-Za-z](?:_\{?\w{1,8}\}?)?\s{0,4}=(?!=)")
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|limits|[,!;: ])(?![A-Za-z])|\^\{?\\circ\}?|\\?%|\\?\$"
    r"|\\text\{\s{0,4}[a-z]{1,30}\s{0,4}\}$"
)


def extract(text: str) -> str | None:
    r"""The expression that a text gives as its answer; None where it gives none.

    With nothing stated, the last formula between math marks in the last three lines counts, right of its last
    `=`.

    Example:
        >>> extract("So the answer is $\\frac{x+1}{2}$."), extract("Hence\\n\\[ y = 2x = \\sqrt{2} \\]")
        ('\\frac{x+1}{2}', '\\sqrt{2}')
    """
    for stated in [*statements(text), *bold(text)]:
        shown = _trimmed(stated)
        if shown:
            return shown
    for line in last_lines(tail(text)):
        formulas = _DISPLAY.findall(line)
        if formulas:
            return _trimmed("".join(formulas[-1]).rsplit("=", 1)[-1]) or None
    lines = last_lines(text, 1)
    return number.extract(lines[0]) if lines else None


def canonical(value: str) -> str | None:
    r"""The exact number where it is one, else the LaTeX without spacing, sizing, units and `x =`; no algebra.

    Example:
        >>> canonical("x = \\dfrac{1}{2}"), canonical("0.5"), canonical("\\left( a,  b \\right)")
        ('1/2', '1/2', '(a,b)')
    """
    if len(value) > LONGEST:
        return None
    value = _ASSIGNED.sub("", value.strip().strip("$"))
    exact = number.canonical(value)
    if exact is not None and not re.search(r"[A-Za-z]", value.replace("\\frac", "").replace("\\dfrac", "")):
        return exact
    tidy = _DROPPED.sub("", value).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    tidy = _COMMAND.sub(r"\1{}", tidy.replace("\\cdot", "*").replace("−", "-"))
    tidy = re.sub(r"\s+", "", tidy).replace("{}", " ").strip(" .")
    return number.canonical(tidy) if re.fullmatch(r"[-+0-9.,/]+", tidy) else tidy or None


def equal(value: str, reference: str) -> bool:
    r"""Whether two texts are one number or one tidied expression; for algebra see `equal_in_worker`.

    Example:
        >>> equal("\\frac{1}{2}", "0.5"), equal("x+1", "1+x")
        (True, False)
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def _trimmed(stated: str) -> str:
    if len(stated) > LONGEST:
        return ""
    stated = stated.strip().strip("*`").rstrip(".,;:").strip()
    for opening, closing in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        stated = stated.removeprefix(opening).removesuffix(closing).strip()
    return stated.rstrip(".,;").strip()
