"""The check of the evidence before an answer: what it asks for, what a reply says, and whether its quotes are real.

The published wording was not found; fields and words are the sheet's proposal. Change a text, and raise `VERSION`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from outlay.prompts._data import conversation
from outlay.types import Message

VERSION = "exoskeleton/1"
FIELDS = ("Request", "Needed", "Found", "Conflicts", "Coverage", "Plan", "Response")

SCAFFOLD = """What stands above is the only source that you may use. Before you answer, write these lines, short, one \
of each, in this order:
Request: what exactly is asked, and in which form
Needed: the facts that an answer needs
Found: for each needed fact the words of the source that state it, in double quotes, or absent
Conflicts: what you believe, or what the question assumes, that the source contradicts; the source wins
Coverage: full, partial or none
Plan: answer in full, or answer what is covered and say what is missing, or say that the source does not tell it
Response: the answer, from the found facts alone; with coverage none say that the source does not tell it"""

_SOURCE = "What stands above is the only source that you may use."
_PARTIAL = "\n".join(
    line for line in SCAFFOLD.split("\n") if not line.startswith(("Conflicts:", "Coverage:", "Plan:"))
).replace("; with coverage none say that the source does not tell it", "")
# As many words as the scaffold, and no structure: longer prompts alone change answers too.
_READ = (
    "Read it with care, from its first line to its last one, before you write down your answer to the question."
)
_FILLER = " ".join([_SOURCE, *((_READ + " ") * 9).split()[: len(SCAFFOLD.split()) - len(_SOURCE.split())]])

Check = Literal["directed", "partial", "undirected", "plain", "filler"]
"""What is demanded: the directed check, or one of its controls."""
CHECKS: dict[Check, str] = {
    "directed": SCAFFOLD,
    "partial": _PARTIAL,
    "undirected": f"{_SOURCE} Before you answer, think step by step about what it says.",
    "plain": _SOURCE,
    "filler": _FILLER,
}
"""The controls that a claim about the check needs: `plain` names the source and no more, `undirected` asks to think,
`partial` leaves out what is missing and what contradicts, `filler` is as long as the check and says nothing."""

_FIELD = re.compile(
    rf"^[ \t*_#>-]{{0,8}}({'|'.join(FIELDS)})[*_]{{0,3}}[ \t]{{0,4}}:[*_ \t]{{0,6}}", re.MULTILINE
)
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{1,1000})[\"”]")
_SHORTEST = 6
"""Characters of a quote: shorter ones stand in any source."""
_MOST_CHARS = 40_000
_MOST_QUOTES = 50


class Analysis(Struct, frozen=True):
    """What a reply says before its answer; empty fields where it says nothing."""

    quotes: tuple[str, ...] = ()
    """The quotes under `Found`, those of six characters and more."""
    coverage: Literal["full", "partial", "none", ""] = ""
    missing: tuple[str, ...] = FIELDS
    """Fields that are not there."""


def read(text: str) -> Analysis:
    r"""The analysis that a reply opens with.

    Example:
        >>> read('Needed: rows\nFound: "6 rows of 7"\nCoverage: full\nResponse: 42').quotes
        ('6 rows of 7',)
    """
    text = text[:_MOST_CHARS]
    marks = list(_FIELD.finditer(text))
    ends = [*(m.start() for m in marks[1:]), len(text)]
    said: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):
        said.setdefault(mark[1], text[mark.end() : end])
    found = [q.strip() for q in _QUOTE.findall(said.get("Found", ""))][:_MOST_QUOTES]
    word = re.match(r"[\s*_\"'`]{0,6}(full|partial|none)\b", said.get("Coverage", ""), re.IGNORECASE)
    coverage = word[1].lower() if word else ""
    return Analysis(
        tuple(q for q in found if len(q) >= _SHORTEST),
        coverage,  # type: ignore[arg-type]  # one of the three words, as just matched
        tuple(f for f in FIELDS if f not in said),
    )


def source_of(messages: Sequence[Message]) -> str:
    """What may be quoted: everything that was sent, the demand for an analysis itself left out."""
    text = conversation(messages)
    for demand in sorted(CHECKS.values(), key=len, reverse=True):
        text = text.replace(demand, "")
    return _plain(text)


def real(quotes: Sequence[str], source: str) -> tuple[bool, ...]:
    """Whether each quote stands in the source, spacing and case aside; `source` as `source_of` gives it.

    Example:
        >>> source = source_of([{"role": "user", "content": "A box holds  6 rows of 7 eggs."}])
        >>> real(["holds 6 rows", "7 rows of 7"], source)
        (True, False)
    """
    return tuple(_plain(q).strip(" .,;:…") in source for q in quotes)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
