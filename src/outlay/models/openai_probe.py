"""Whether a server continues a given text: asked in four tokens, since one that cannot opens a new turn in silence."""

from __future__ import annotations

import msgspec

from outlay.types import Request, Sampling, Usage

# The words continue only from inside the given text: a server that opens a new turn would begin without the
# space or with the first word, and one that repeats the text with the whole of it.
PROBE = Request(
    messages=({"role": "user", "content": "Write the words red green blue in this order, again and again."},),
    prefix="red green blue red green blue red green blue red green blue red",
    max_output_tokens=4,
    sampling=Sampling(temperature=0.0),
)
CONTINUES = " green"


class Probe(msgspec.Struct, frozen=True):
    """Whether the server continues a given assistant text, and what finding out used (None: not counted)."""

    prefix: bool
    usage: Usage | None
