"""Make, list and revoke the keys of a server's callers, and limit tenants."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cyclopts import App

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outlay.store.keys import Key
    from outlay.store.quota import Quota, Used
    from outlay.store.sqlite import Sqlite

keys = App(
    "keys",
    help="""Make, list and revoke the keys of a server's callers, and limit tenants.

Example: outlay keys create ci --tenant acme --usd-per-day 5
""",
)


@keys.command
def create(
    name: str,
    *,
    tenant: str = "local",
    role: str = "buyer",
    usd_per_day: float | None = None,
    tokens_per_minute: int | None = None,
    requests_per_minute: int | None = None,
    concurrency: int | None = None,
    models: str | None = None,
    strategies: str | None = None,
    fan_out: int | None = None,
    max_output_tokens: int | None = None,
    reasoning_tokens: int | None = None,
    answer_tokens: int | None = None,
    json: bool = False,
) -> None:
    """Make a key and print it: this once, for only its hash is kept.

    What is not limited is free. A tenant's keys share what outlay keys limit
    sets, beside their own limits.

    Example: outlay keys create ci --tenant acme --usd-per-day 5 --models gpt-5-mini

    Parameters
    ----------
    name:
        What to call it.
    tenant:
        Whose it is: one word. Nobody sees another tenant's traces, cache or spending.
    role:
        buyer buys and reads its tenant's traces; reader only reads; operator sees the server's measures too.
    usd_per_day:
        Dollars a day (UTC).
    tokens_per_minute:
        Tokens read and written in a minute; a call under way counts at its worst case.
    requests_per_minute:
        Calls of models in a minute; n choices are n calls.
    concurrency:
        Calls under way at a time.
    models:
        The models it may ask for, with commas between them.
    strategies:
        The strategies it may ask for, with commas between them.
    fan_out:
        The most calls that one request may plan.
    max_output_tokens:
        The most output tokens of one sample.
    reasoning_tokens:
        The most tokens of thinking that is seen; there it is ended and the best answer asked for.
    answer_tokens:
        The most tokens of that answer.
    json:
        Print one JSON object with the key and its id.
    """
    from outlay.store.keys import Scope

    caps = (fan_out, max_output_tokens, reasoning_tokens, answer_tokens)
    scope = Scope(_names(models), _names(strategies), *caps)
    quota = _quota(usd_per_day, tokens_per_minute, requests_per_minute, concurrency)
    secret, key = asyncio.run(_with(lambda store: _create(store, name, tenant, role, scope, quota)))
    from outlay.cli import _terminal

    if json:
        _terminal.json({"key": secret, "id": key.id, "name": key.name, "tenant": key.tenant, "role": key.role})
    else:
        print(secret)
        _terminal.note(f"This is shown once: only its hash is kept, as {key.id}.")


@keys.command(name="list")
def show(*, tenant: str | None = None, json: bool = False) -> None:
    """List keys with their limits and what they use now; revoked ones stay listed.

    Example: outlay keys list --tenant acme

    Parameters
    ----------
    tenant:
        Only this tenant's.
    json:
        Print a JSON array with one object a key.
    """
    from outlay.cli import _terminal

    found = asyncio.run(_with(lambda store: _list(store, tenant)))
    if json:
        _terminal.json([_plain(key, used) for key, used in found])
        return
    columns = ("key", "name", "tenant", "role", "begins with", "limits", "used", "made (UTC)", "state")
    title = f"{len(found)} key{'' if len(found) == 1 else 's'}"
    _terminal.rows(title, columns, (_row(key, used) for key, used in found))


@keys.command
def revoke(key: str) -> None:
    """Revoke a key: its very next request is refused.

    Example: outlay keys revoke ci

    Parameters
    ----------
    key:
        Its id, its name, or how it begins.
    """
    from outlay.cli import _terminal

    revoked = asyncio.run(_with(lambda store: store.revoke_key(key, time.time_ns() // 1000)))
    _terminal.note(f"{revoked.name} ({revoked.prefix}…) of {revoked.tenant} is revoked.")


@keys.command
def limit(
    tenant: str,
    *,
    usd_per_day: float | None = None,
    tokens_per_minute: int | None = None,
    requests_per_minute: int | None = None,
    concurrency: int | None = None,
) -> None:
    """Set what all keys of a tenant may use together, from the next call on.

    It replaces what was set before; an option left out is no limit.

    Example: outlay keys limit acme --usd-per-day 20 --concurrency 64

    Parameters
    ----------
    tenant:
        The tenant.
    usd_per_day:
        Dollars a day (UTC).
    tokens_per_minute:
        Tokens in a minute.
    requests_per_minute:
        Calls of models in a minute.
    concurrency:
        Calls under way at a time.
    """
    from outlay.cli import _terminal
    from outlay.gateway.keys import check_tenant

    check_tenant(tenant)
    quota = _quota(usd_per_day, tokens_per_minute, requests_per_minute, concurrency)
    asyncio.run(_with(lambda store: store.limit_tenant(tenant, quota)))
    _terminal.note(f"All keys of {tenant} together: {_limits(quota)}.")


async def _with(use: Callable[[Sqlite], Awaitable[Any]]) -> Any:
    from outlay import config
    from outlay.store.sqlite import Sqlite

    store = await Sqlite.open(config.database())
    try:
        return await use(store)
    finally:
        await store.close()


async def _create(
    store: Sqlite, name: str, tenant: str, role: str, scope: Any, quota: Quota
) -> tuple[str, Key]:
    from outlay.gateway.keys import new_key

    made = new_key(
        store.new_id("key"),
        name,
        tenant=tenant,
        role=role,
        scope=scope,
        quota=quota,
        at_us=time.time_ns() // 1000,
    )
    await store.add_key(made[1])
    return made


async def _list(store: Sqlite, tenant: str | None) -> list[tuple[Key, Used]]:
    now = time.time_ns() // 1000
    await store.sweep()
    return [(key, await store.used(key.id, now)) for key in await store.keys(tenant)]


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _quota(
    usd_per_day: float | None, tokens: int | None, requests: int | None, concurrency: int | None
) -> Quota:
    from outlay.gateway.keys import check_limits
    from outlay.money import nusd
    from outlay.store.quota import Quota

    quota = Quota(None if usd_per_day is None else nusd(usd_per_day), tokens, requests, concurrency)
    check_limits(quota)
    return quota


def _limits(quota: Quota) -> str:
    from outlay.money import show

    said = (
        ("" if quota.nusd_per_day is None else f"{show(quota.nusd_per_day)} a day"),
        ("" if quota.tokens_per_minute is None else f"{quota.tokens_per_minute:,} tokens a minute"),
        ("" if quota.requests_per_minute is None else f"{quota.requests_per_minute:,} requests a minute"),
        ("" if quota.concurrency is None else f"{quota.concurrency:,} at a time"),
    )
    return ", ".join(filter(None, said)) or "no limits"


def _row(key: Key, used: Used) -> tuple[str, ...]:
    from outlay.money import show

    made = datetime.fromtimestamp(key.created_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
    scope = (
        ("" if key.scope.models is None else f"models {', '.join(key.scope.models)}"),
        ("" if key.scope.strategies is None else f"strategies {', '.join(key.scope.strategies)}"),
        ("" if key.scope.fan_out is None else f"fan-out {key.scope.fan_out:,}"),
        ("" if key.scope.max_output_tokens is None else f"{key.scope.max_output_tokens:,} output tokens"),
    )
    limits = "; ".join(filter(None, (_limits(key.quota), *scope)))
    now = f"{show(used.nusd)} today, {used.requests:,} requests and {used.tokens:,} tokens in this minute"
    state = "in use" if key.revoked_us is None else "revoked"
    return key.id, key.name, key.tenant, key.role, f"{key.prefix}…", limits, now, made, state


def _plain(key: Key, used: Used) -> dict[str, Any]:
    import msgspec

    from outlay.money import usd

    said = msgspec.to_builtins(key)
    limits = {name: getattr(key.quota, name) for name in key.quota.__struct_fields__}
    limits["usd_per_day"] = usd(limits.pop("nusd_per_day"))
    now = {
        "usd_today": usd(used.nusd),
        "requests_in_minute": used.requests,
        "tokens_in_minute": used.tokens,
        "concurrency": used.concurrency,
    }
    left_out = ("hash", "quota")
    return {name: value for name, value in said.items() if name not in left_out} | {
        "limits": limits,
        "used": now,
    }
