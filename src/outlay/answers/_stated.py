"""Where a text states its answer: boxes, labels, tags, rules; in order of appearance and in linear time.

Texts of models are hostile: only the last `TAIL` characters are read, every pattern has bounded repeats, and
braces are matched in one pass.
"""

from __future__ import annotations

import re

TAIL = 20_000
"""Characters that are read from the end of a text: answers stand at the end."""
MOST = 50
"""Statements that are looked at, from the last one back."""

_LABEL = re.compile(
    r"\b(?:answer|result|solution)\b[>*_`\"'\])]{0,4}"
    r"(?:\s{1,4}to\s[^.\n:=]{1,80}?)?"
    r"(?:\s{0,4}[:=]|\s{1,4}(?:is|are|would\sbe|should\sbe|equals)\b(?!\snot\b))"
    r"[\s*_`]{0,8}:?",
    re.IGNORECASE | re.ASCII,
)
_TAG = re.compile(r"<(?:final_)?answer>", re.IGNORECASE)
_TAG_END = re.compile(r"</(?:final_)?answer>", re.IGNORECASE)
_RULE = re.compile(r"####[ \t]{0,8}")
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_OPENING = re.compile(r"(?:\s|\\\[|\\\(|\$|\*\*|```[a-z]{0,12}\n){1,12}", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?]\s{1,4}(?=[A-Z])")
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_FENCE = re.compile(r"^[ \t]{0,8}(```|~~~)[ \t]{0,4}([\w+#.-]{0,30})[^\n`]{0,80}$", re.MULTILINE)


def tail(text: str, most: int = TAIL) -> str:
    """The last `most` characters of a text."""
    return text[-most:]


def statements(text: str) -> list[str]:
    r"""The answers that a text states outright, the last one first.

    A statement is a closed `\boxed{…}`, what follows `Answer:`, `the answer is` or `####` up to the end of the
    sentence, or what stands between answer tags. At most `MOST` are given.

    Example:
        >>> statements("Answer: 12. No: the answer is \\boxed{15}.")[0]
        '15'
    """
    text = tail(text)
    found = [*_boxes(text), *_tagged(text), *_labelled(text)]
    found.sort(key=lambda place_and_text: place_and_text[0], reverse=True)
    return [stated for _, stated in found[:MOST] if stated]


def bold(text: str) -> list[str]:
    """The short texts in bold, the last one first, headings such as `**Step 1:**` left out.

    Example:
        >>> bold("**Step 1:** add. It is **42**")
        ['42']
    """
    found = [m.strip() for m in _BOLD.findall(tail(text))][-MOST:]
    return [m for m in reversed(found) if m and not m.endswith(":") and not m.lower().startswith("step")]


def last_lines(text: str, most: int = 3) -> list[str]:
    r"""The last lines that say anything, the last one first; fences and math marks say nothing.

    Example:
        >>> last_lines("a = 5\n\nAnswer: <number>")
        ['Answer: <number>', 'a = 5']
    """
    found: list[str] = []
    for line in reversed(tail(text).splitlines()):
        line = line.strip()
        if line.strip("`$\\[]() \t*_-=~"):
            found.append(line)
            if len(found) == most:
                break
    return found


def fences(text: str, most: int = 100_000) -> list[tuple[str, str]]:
    """The closed fenced blocks as (language in lower case, content), in order.

    Example:
        >>> fences(chr(10).join(["```python", "x = 1", "```"]))
        [('python', 'x = 1')]
    """
    text = tail(text, most)
    blocks: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(text):
        if opened is None:
            opened = mark
        elif mark[1] == opened[1]:
            blocks.append((opened[2].lower(), text[opened.end() + 1 : mark.start()].rstrip("\n")))
            opened = mark if mark[2] else None
    return blocks


def closing_braces(text: str) -> dict[int, int]:
    """For each `{` that is closed, the index of its `}`; escaped braces do not count. One pass."""
    ends: dict[int, int] = {}
    stack: list[int] = []
    for match in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            ends[stack.pop()] = match.start()
    return ends


def _boxes(text: str) -> list[tuple[int, str]]:
    places = list(_BOX.finditer(text))[-MOST:]
    if not places:
        return []
    ends = closing_braces(text)
    return [(m.start(), text[m.end() : ends[m.end() - 1]].strip()) for m in places if m.end() - 1 in ends]


def _tagged(text: str) -> list[tuple[int, str]]:
    found = []
    for m in list(_TAG.finditer(text))[-MOST:]:
        end = _TAG_END.search(text, m.end())
        found.append((m.start(), text[m.end() : end.start() if end else len(text)].strip()))
    return found


def _labelled(text: str) -> list[tuple[int, str]]:
    places = [*list(_LABEL.finditer(text))[-MOST:], *list(_RULE.finditer(text))[-MOST:]]
    return [(m.start(), _sentence(text, m.end())) for m in places]


def _sentence(text: str, start: int) -> str:
    opening = _OPENING.match(text, start)
    start = opening.end() if opening else start
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    cut = _SENTENCE.search(line)
    return (line[: cut.start()] if cut else line).strip()
