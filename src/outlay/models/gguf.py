"""What a GGUF file says of its model without loading it: whether its chat template shows tools."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_KEY = b"tokenizer.chat_template"
_STRING = 8
"""The number of the type string in a GGUF file's metadata."""
HEAD_BYTES = 256 * 2**20
"""Where metadata is looked for: it stands before the weights, and the largest part of it is the vocabulary."""


def takes_tools(path: Path) -> bool:
    """Whether the chat template in a model file names tools, so that llama.cpp can show declared ones to the model.

    A template that does not never shows them: the model would answer as if none had been declared. False too for a
    file without a template, or one that cannot be read.
    """
    return "tools" in chat_template(path)


def chat_template(path: Path) -> str:
    """The chat template in a model file, empty where there is none in its first 256 MiB."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            at = held.find(_KEY, 0, min(len(held), HEAD_BYTES))
            if at < 0:
                return ""
            kind, size = struct.unpack_from("<IQ", held, at + len(_KEY))
            start = at + len(_KEY) + struct.calcsize("<IQ")
            return held[start : start + size].decode("utf-8", "replace") if kind == _STRING else ""
    except (OSError, ValueError, struct.error):
        return ""
