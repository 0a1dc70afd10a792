"""Where outlay keeps its things, and what `outlay.toml` says: models, their prices, and which role each plays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from outlay.config.auto import Auto, check_auto
from outlay.config.guard import GuardEntry
from outlay.config.plans import PlanEntry, check_plan
from outlay.config.routes import RouteEntry, check_route
from outlay.errors import UsageError, nearest

FILE = "outlay.toml"


class ModelEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[models.NAME]` table: a model of an OpenAI-compatible server.

    Prices are in USD per million tokens. `free = true` says that the model costs nothing; without a price and
    without `free` the price is looked up in the dated snapshot, and is unknown where that has none.
    """

    model: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    """The name of the environment variable that holds the key; keys never stand in files."""
    dialect: str | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cache_read_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | None = None
    free: bool = False
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    image_tokens: int | None = None
    """The most input tokens that one image takes; without it a money cap refuses images."""
    max_n: int | None = None
    concurrency: int = 64
    embeds: bool = False
    """The model embeds texts at `/embeddings`; it answers no chat."""
    rates: bool = False
    """The model scores steps at `/pooling` (vLLM) or `/v1/classify` (SGLang); it answers no chat."""


class Telemetry(Struct, frozen=True, forbid_unknown_fields=True):
    """`[telemetry]`: where the gateway sends OpenTelemetry spans; without it the standard variables may say so."""

    otlp_endpoint: str | None = None
    """The whole address for spans over HTTP, like `http://127.0.0.1:4318/v1/traces`."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file: `default` and `[roles]` name models, `[models.NAME]` describes them.

    `[plans.NAME]` are ways to buy an answer, `[[routes]]` which requests of the gateway take them, and `[auto]` the
    plans that `outlay/auto` buys for a task class.

    `prompts`: whether the ledger keeps prompts and replies as they are (`kept`), as hashes, or not at all.
    `durability`: the ledger survives the death of the `process`, or a loss of `power` too, at a disk flush a commit.
    """

    default: str = "local/qwen2.5-coder-0.5b"
    durability: Literal["process", "power"] = "process"
    prompts: Literal["kept", "hashed", "none"] = "kept"
    roles: dict[str, str] = {}
    models: dict[str, ModelEntry] = {}
    plans: dict[str, PlanEntry] = {}
    routes: tuple[RouteEntry, ...] = ()
    auto: Auto = {}
    guard: GuardEntry = GuardEntry()
    telemetry: Telemetry = Telemetry()

    @property
    def offered(self) -> tuple[str, ...]:
        """The models by name: the default one, those of roles, and those that are described."""
        return tuple(dict.fromkeys((self.default, *self.roles.values(), *self.models)))

    def plan(self, name: str) -> PlanEntry:
        """The plan of that name.

        Raises:
            UsageError: there is none.
        """
        if name not in self.plans:
            there = nearest(name, self.plans) if self.plans else "outlay.toml describes none."
            raise UsageError(f"There is no plan {name!r}; {there}")
        return self.plans[name]


def check(config: Config) -> None:
    """Refuse a configuration whose plans, routes or `[auto]` name what is not there.

    Raises:
        UsageError: names the key.
    """
    for name, entry in config.plans.items():
        check_plan(name, entry, models=config.offered)
    for number, route in enumerate(config.routes, 1):
        check_route(number, route, plans=config.plans, models=config.offered)
    check_auto(config.auto, config.plans)


def location() -> Path | None:
    """The configuration's file: `$OUTLAY_CONFIG`, else `outlay.toml` here or in outlay's home, None without one."""
    named = os.environ.get("OUTLAY_CONFIG")
    return Path(named) if named else next((p for p in (Path(FILE), home() / FILE) if p.exists()), None)


def read(path: Path | None = None) -> Config:
    """The configuration: `path`, else `$OUTLAY_CONFIG`, else `outlay.toml` here or in outlay's home, else defaults.

    Raises:
        UsageError: a named file is missing, or the file does not say what a configuration says: a name that is not
            there, a parameter out of bounds, a key that does not exist.
    """
    found = path or location()
    if found is None:
        return Config()
    try:
        config = msgspec.toml.decode(found.read_bytes(), type=Config)
        check(config)
    except OSError as error:
        raise UsageError(f"The configuration {found} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{found}: {error}; docs/configuration.md lists what may stand there.") from None
    except UsageError as error:
        raise UsageError(f"{found}: {error}") from None
    return config


def database() -> Path:
    """The ledger's file: `$OUTLAY_DATABASE_URL` (`sqlite:///PATH`), else `outlay.db` in outlay's home.

    Raises:
        UsageError: a database of a kind that is not there yet.
    """
    url = os.environ.get("OUTLAY_DATABASE_URL")
    if not url:
        return home() / "outlay.db"
    if not url.startswith("sqlite:///"):
        raise UsageError("OUTLAY_DATABASE_URL must be of the form sqlite:///PATH.")
    return Path(url.removeprefix("sqlite:///"))


def home() -> Path:
    """Outlay's home: `$OUTLAY_HOME`, else `outlay` in the user's data folder.

    The data folder is `$XDG_DATA_HOME`, else `~/.local/share`.
    """
    if chosen := os.environ.get("OUTLAY_HOME"):
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "outlay"
