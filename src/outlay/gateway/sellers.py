"""What this server sells: models by the names they are offered under, each opened at its first use."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from outlay import plugins
from outlay.config import Config
from outlay.engine import Outlay
from outlay.errors import nearest
from outlay.gateway.errors import NotFound

SPACE = "outlay/"
"""Names under it buy an answer with a strategy; every other name is a model that is passed through."""
AUTO = "auto"


class Sellers:
    """The models of a configuration over one ledger and one budget.

    Args:
        root: holds the ledger and the budget; its own model is the default one.
        config: names the models. A caller can name no others: no file, no address, no module.
    """

    def __init__(self, root: Outlay, config: Config):
        self.root, self.config = root, config
        self.models = tuple(dict.fromkeys((config.default, *config.roles.values(), *config.models)))
        self.strategies = tuple(plugins.names("strategy"))
        self._opened: dict[str, Outlay] = {}
        self._opening = asyncio.Lock()
        self._closing = AsyncExitStack()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a request may carry as its model."""
        return (*self.models, *(SPACE + name for name in (AUTO, *self.strategies)))

    async def of(self, model: str) -> Outlay:
        """Buys from one of the models; nothing is started before its first purchase.

        Raises:
            NotFound: it is not offered here.
        """
        if model not in self.models:
            told = f"There is no model {model!r} here; {nearest(model, self.names)}."
            raise NotFound(told, code="model_not_found", param="model")
        if model not in self._opened:
            async with self._opening:
                if model not in self._opened:
                    beside = self.root.beside({**self.config.roles, "default": model})
                    self._opened[model] = await self._closing.enter_async_context(beside)
        return self._opened[model]

    async def close(self) -> None:
        """Close every opened model."""
        await self._closing.aclose()
