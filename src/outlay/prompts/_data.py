"""Text of others inside a prompt: cut to a length, and between tags that it cannot forge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from outlay.types import Message

LARGEST = 32_000
"""Bytes of a candidate that a checker reads; of a longer one, its beginning and its end."""


def fenced(name: str, text: str) -> str:
    """The text between tags that carry a key made from the text itself, so that it cannot contain its own key.

    Example:
        >>> print(fenced("answer", "42"))
        <answer 57b43cf02666687a>
        42
        </answer 57b43cf02666687a>
    """
    key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"<{name} {key}>\n{text}\n</{name} {key}>"


def cut(text: str, largest: int = LARGEST) -> str:
    """The text within `largest` bytes of UTF-8: whole, or its two ends around a note of what is left out.

    Lone surrogates, which cannot be sent, become question marks.

    Example:
        >>> len(cut("x" * 1_000_000, 1000)) <= 1000
        True
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= largest:
        return data.decode()
    half = max(largest - 100, 0) // 2
    head, tail = data[:half].decode(errors="ignore"), data[len(data) - half :].decode(errors="ignore")
    return f"{head}\n[{len(data) - 2 * half} bytes are left out here]\n{tail}"


def conversation(messages: Sequence[Message]) -> str:
    """What was asked, as text: one user message as it stands, several each under its role; images by name.

    Example:
        >>> conversation([{"role": "user", "content": "17 * 23?"}])
        '17 * 23?'
    """
    texts = [_content(m.get("content")) for m in messages]
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(f"[{m.get('role', 'user')}]\n{text}" for m, text in zip(messages, texts, strict=True))


def message_texts(messages: Sequence[Message], most: int) -> tuple[str, ...]:
    r"""The conversation as text from each of its first messages on, one blank line between messages; at least one.

    Args:
        messages: a chat.
        most: how many beginnings, from 1.

    Example:
        >>> message_texts([{"role": "system", "content": "Short."}, {"role": "user", "content": "17 * 23?"}], 2)
        ('Short.\n\n17 * 23?', '17 * 23?')
    """
    texts = [_content(m.get("content")) for m in messages]
    return tuple("\n\n".join(texts[i:]) for i in range(max(min(len(texts), most), 1)))


def _content(content: object) -> str:
    if isinstance(content, list):
        parts = (p.get("text") or f"[{p.get('type', 'part')}]" for p in content if isinstance(p, dict))
        content = "\n".join(map(str, parts))
    return ("" if content is None else str(content)).encode("utf-8", "replace").decode()
