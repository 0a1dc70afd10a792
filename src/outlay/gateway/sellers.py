"""What this server sells: models by the names they are offered under, each opened at its first use."""

from __future__ import annotations

from collections.abc import Mapping

from outlay import plugins
from outlay.config import Config
from outlay.engine import Outlay
from outlay.errors import nearest
from outlay.gateway.errors import BadField, NotFound

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
        self.models = config.offered
        self.strategies = tuple(plugins.names("strategy"))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a request may carry as its model: models, plans, whole names of routes, ways to buy."""
        aliases = (route.alias for route in self.config.routes)
        named = dict.fromkeys((*self.models, *self.config.plans, *(name for name in aliases if name)))
        return (*named, *(SPACE + name for name in (AUTO, *self.strategies)))

    async def of(self, model: str) -> Outlay:
        """Buys from one of the models; nothing is started before its first purchase.

        Raises:
            NotFound: it is not offered here.
            BadField: it is a plan or a strategy, which answers chats only.
        """
        if model not in self.models and model in self.names:
            told = f"{model} buys answers to chats; here name a model itself: {', '.join(sorted(self.models))}."
            raise BadField("model", told)
        if model not in self.models:
            told = f"There is no model {model!r} here; {nearest(model, self.models)}"
            raise NotFound(told, code="model_not_found", param="model")
        return await self.played_by({**self.config.roles, "default": model})

    async def played_by(self, cast: Mapping[str, str | tuple[str, ...]]) -> Outlay:
        """Buys from these models, one or a chain for each role."""
        return await self.root.played_by(cast)
