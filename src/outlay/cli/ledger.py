"""Show what was bought, and reconcile lost calls."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cyclopts import App

if TYPE_CHECKING:
    from outlay.store.protocol import Settled, Store, Totals

NEWEST = 20
"""Calls shown to people; `--json` prints up to a thousand."""

ledger = App("ledger")


@ledger.default
def show(*, lost: bool = False, json: bool = False) -> None:
    """Show what was bought: sums over the ledger, and the newest calls.

    A call that was under way when its process died is lost: it counts at its
    worst case until it is reconciled with the provider's own account.

    Example: outlay ledger --lost

    Parameters
    ----------
    lost:
        Only the calls that can be reconciled: lost ones, and those that stand at their bound.
    json:
        Print one JSON object with the totals and up to a thousand calls.
    """
    asyncio.run(_show(lost, json))


@ledger.command
def reconcile(call: str, *, input: int | None = None, output: int | None = None, unsent: bool = False) -> None:
    """Replace a lost call's worst case by what the provider's account says.

    Example: outlay ledger reconcile call_… --input 420 --output 96

    Parameters
    ----------
    call:
        The call's id, as outlay ledger --lost shows it.
    input:
        Input tokens that were billed.
    output:
        Output tokens that were billed.
    unsent:
        The provider never saw the call: it cost nothing.
    """
    from outlay.errors import UsageError

    if unsent == (input is not None and output is not None) or (unsent and (input, output) != (None, None)):
        raise UsageError("Say what was billed with --input N --output N, or that nothing was with --unsent.")
    if min(input or 0, output or 0) < 0:
        raise UsageError("Tokens that were billed are a number from 0 up.")
    asyncio.run(_reconcile(call, None if unsent else (input or 0, output or 0)))


async def _open() -> Store:
    from outlay import config
    from outlay.store.sqlite import Sqlite

    return await Sqlite.open(config.database())


async def _show(lost: bool, json: bool) -> None:
    import msgspec

    from outlay.cli import _terminal

    store = await _open()
    try:
        await store.sweep()
        totals, calls = await store.totals(), await store.calls(lost=lost)
    finally:
        await store.close()
    if json:
        plain = _in_usd(msgspec.structs.asdict(totals))
        _terminal.json({"totals": plain, "calls": [_in_usd(c) for c in calls]})
    else:
        _print(totals, calls, lost)


def _in_usd(fields: dict[str, Any]) -> dict[str, Any]:
    from outlay.money import usd

    return {k.replace("_nusd", "_usd"): usd(v) if k.endswith("_nusd") else v for k, v in fields.items()}


def _print(totals: Totals, calls: list[dict[str, Any]], lost: bool) -> None:
    from outlay.cli._terminal import note, rows
    from outlay.money import show

    title = (
        f"{totals.calls:,} calls: cost {show(totals.cost_nusd)}, paid {show(totals.paid_nusd)}, "
        f"{totals.input_tokens:,} tokens in, {totals.output_tokens:,} out"
    )
    if totals.overrun_nusd:
        title += f"; providers billed {show(totals.overrun_nusd)} more than was asked"
    if totals.lost_calls:
        title += f"; {totals.lost_calls:,} lost, counted at their worst case of {show(totals.lost_nusd)}"
    columns = ("call", "when (UTC)", "model", "question", "samples", "tokens in / out", "paid", "state")
    rows(title, columns, (_row(c) for c in calls[:NEWEST]))
    if lost and calls:
        note(
            "Reconcile each with the provider's account: outlay ledger reconcile CALL --input N --output N, "
            "or --unsent if it never arrived there."
        )


def _row(call: dict[str, Any]) -> tuple[str, ...]:
    from outlay.money import show

    when = datetime.fromtimestamp(call["reserved_us"] / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
    model = call["model"] if call["role"] == "default" else f"{call['model']} ({call['role']})"
    read, wrote = (
        "–" if call[name] is None else f"{call[name]:,}" for name in ("input_tokens", "output_tokens")
    )
    paid = "–" if call["state"] == "reserved" else show(call["paid_nusd"])
    state = " ".join(filter(None, (call["state"], call["mark"], call["error"])))
    return call["id"], when, model, call["question_id"], str(call["n"]), f"{read} / {wrote}", paid, state


async def _reconcile(call_id: str, billed: tuple[int, int] | None) -> None:
    from outlay.cli._terminal import note

    store = await _open()
    try:
        await store.sweep()
        end = None if billed is None else await _settled(store, call_id, *billed)
        state = await store.reconcile(call_id, end)
    finally:
        await store.close()
    note(f"{call_id} is {state}.")


async def _settled(store: Store, call_id: str, input_tokens: int, output_tokens: int) -> Settled | None:
    """The call as it was billed, at the price of its model; None for a call the store will refuse by name."""
    from outlay import config
    from outlay.cli._prices import known
    from outlay.errors import UsageError
    from outlay.money import cost_nusd
    from outlay.store.protocol import Settled
    from outlay.types import Usage

    row = next((c for c in await store.calls(lost=True, limit=1_000_000) if c["id"] == call_id), None)
    if row is None:
        return None
    price = known(row["model"], config.read())
    if price is None and row["bound_nusd"] is not None:
        raise UsageError(
            f"The price of {row['model']} is not known any more; write it into outlay.toml "
            f"([models.NAME] model, input_usd_per_mtok, output_usd_per_mtok) and try again."
        )
    cost = None if price is None else cost_nusd(price, Usage(input_tokens, output_tokens))
    return Settled(
        call_id,
        "settled",
        cost,
        cost,
        0,
        input_tokens,
        None,
        None,
        output_tokens,
        None,
        "reconciled",
        "",
        time.time_ns() // 1000,
    )
