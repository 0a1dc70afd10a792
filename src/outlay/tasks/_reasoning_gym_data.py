"""reasoning_gym's datasets by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec


@lru_cache(maxsize=8)
def dataset(name: str, options_json: str, seed: int, size: int) -> Any:
    """The dataset of a name with its options (a JSON object) and the seed as reasoning_gym understands it."""
    import reasoning_gym  # pyright: ignore[reportMissingImports]

    return reasoning_gym.create_dataset(name, seed=seed, size=size, **msgspec.json.decode(options_json))
