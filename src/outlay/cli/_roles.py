"""What `--model` says: the models to use, and `role=NAME` for those that play another part."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ROLE = re.compile(r"([a-z][a-z_]{0,30})=(.+)", re.DOTALL)


def split(given: Iterable[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The models named alone (or as `default=`), in order, and the model of each further role.

    Example:
        >>> split(["small.gguf", "judge=gpt-5-mini"])
        (('small.gguf',), {'judge': 'gpt-5-mini'})
    """
    plain: list[str] = []
    roles: dict[str, str] = {}
    for text in given:
        match = _ROLE.fullmatch(text)
        if match and match[1] != "default":
            roles[match[1]] = match[2]
        else:
            plain.append(match[2] if match else text)
    return tuple(dict.fromkeys(plain)), roles
