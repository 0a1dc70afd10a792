"""A whole text, compared without regard to case, spacing and outer punctuation.

Answer tags, or an `Answer:` that opens one of the last three lines, cut the reasoning before it off; else the
whole reply is the answer. A vote over whole texts seldom finds two that agree: it is held only when asked for
by name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_LABEL = re.compile(
    r"^[ \t*_#>-]{0,8}(?:final\s{1,4})?answer[*_]{0,3}\s{0,4}:[*_\s]{0,6}", re.IGNORECASE | re.MULTILINE
)
_TAG = re.compile(r"<(?:final_)?answer>", re.IGNORECASE)
_TAG_END = re.compile(r"</(?:final_)?answer>", re.IGNORECASE)
_LONGEST_KEY = 2000


def extract(text: str) -> str | None:
    r"""The answer of a reply as text, trimmed; None for an empty one.

    Example:
        >>> extract("First sort them. Answer: no"), extract("I sort them.\nAnswer: ant bee cow")
        ('First sort them. Answer: no', 'ant bee cow')
    """
    tags = list(_TAG.finditer(text))
    if tags:
        end = _TAG_END.search(text, tags[-1].end())
        return text[tags[-1].end() : end.start() if end else len(text)].strip() or None
    labels = list(_LABEL.finditer(text))
    if labels and text.count("\n", labels[-1].end()) < 3:
        return text[labels[-1].end() :].strip() or None
    return text.strip() or None


def canonical(value: str) -> str | None:
    """The text as NFKC, case-folded, with single spaces and no outer punctuation; long ones are hashed.

    Example:
        >>> canonical("  Ant,  bee. "), canonical(" . ")
        ('ant, bee', None)
    """
    key = " ".join(unicodedata.normalize("NFKC", value).casefold().split()).strip(" .!\"'`*")
    if len(key) > _LONGEST_KEY:
        return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return key or None


def equal(value: str, reference: str) -> bool:
    """Whether two texts agree up to case, spacing and outer punctuation.

    Example:
        >>> equal("Paris.", "paris")
        True
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)
