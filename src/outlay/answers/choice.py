"""One letter of a list of choices, A to J.

The last stated answer that opens with a letter wins, then the last bold letter, then a last line that is a
letter alone. The article and the pronoun are not choices: `A train leaves` and `I think` state nothing.
"""

from __future__ import annotations

import re

from outlay.answers._stated import bold, last_lines, statements

_OPENING = r"[\s(\[{<\"'*_`$\\]{0,6}(?:\\?text\{)?(?:(?:option|choice|letter)\s{1,4})?[(\[\"'*_`]{0,4}"
_CLOSED = re.compile(
    rf"{_OPENING}([A-Ja-j])(?=[)\]}}.,:;\"'*_`>$\\]|\s{{0,4}}$)(?![.'’]?[A-Za-z])", re.IGNORECASE
)
_FOLLOWED = re.compile(rf"{_OPENING}([B-HJ])(?=\s)|{_OPENING}([AI])(?=\s{{1,4}}(?:because|since|as|[-–—:(=]))")
_ALONE = re.compile(rf"{_OPENING}([A-J])[)\]}}.\"'*_`>$\\\s]{{0,6}}")


def extract(text: str) -> str | None:
    """The letter that a text gives as its answer, in upper case; None where it gives none.

    Example:
        >>> extract("Answer: (b)"), extract("The answer is A train leaves"), extract("It is **C. 12 km**")
        ('B', None, 'C')
    """
    for stated in [*statements(text), *bold(text)]:
        if (found := _letter(stated)) is not None:
            return found
    for line in last_lines(text, 1):
        if match := _ALONE.fullmatch(line):
            return match[1]
    return None


def canonical(value: str) -> str | None:
    """The letter in upper case, brackets and full stops dropped; None where the text is not one letter A to J.

    Example:
        >>> canonical("(c)"), canonical("AB")
        ('C', None)
    """
    letter = value[:50].strip(" \t\n()[]{}.:*`\"'").upper()
    return letter if len(letter) == 1 and letter in "ABCDEFGHIJ" and len(value) <= 50 else None


def equal(value: str, reference: str) -> bool:
    """Whether two texts name the same letter.

    Example:
        >>> equal("b", "(B)")
        True
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def _letter(stated: str) -> str | None:
    stated = stated[:200]
    if match := _CLOSED.match(stated):
        return match[1].upper()
    if match := _FOLLOWED.match(stated):
        return match[1] or match[2]
    return None
