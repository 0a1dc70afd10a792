"""What a plan offers: how often it is right, at which cost; live or recorded, the same type."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.money import NUSD
from outlay.policies._worth import MONEY_ALONE, Worth
from outlay.report.cells import Cell
from outlay.report.outcome import PoolCell
from outlay.report.resampling import Range


class Offer(Struct, frozen=True):
    """A plan as the market sees it: what it costs and how often it is right."""

    plan: str
    """Strategy and verifier as people read them."""
    name: str
    """The same with the model, where the market has several."""
    model: str
    strategy: str
    verifier: str
    questions: int
    accuracy: float
    accuracy_interval: Range
    cost_usd: float | None
    burden_usd: float | None
    """The cost with what wrong answers and waiting cost beside it, None where a part is not known."""
    k: int | None = None
    """Samples a question, for recorded pools."""
    standard_error: float | None = None
    oracle: bool = False

    @property
    def cost_of_pass_usd(self) -> float | None:
        """Dollars per right answer, None where the price is unknown or none is right."""
        return self.cost_usd / self.accuracy if self.cost_usd is not None and self.accuracy > 0 else None


def offers_of_cells(group: Sequence[Cell], worth: Worth = MONEY_ALONE) -> list[Offer]:
    """The offers of the cells of one task, in their order."""
    several = len({c.model for c in group}) > 1
    return [
        Offer(
            plan=named(c.strategy, c.verifier),
            name=named(c.strategy, c.verifier, c.model if several else ""),
            model=c.model,
            strategy=c.strategy,
            verifier=c.verifier,
            questions=c.questions,
            accuracy=c.accuracy,
            accuracy_interval=c.accuracy_interval,
            cost_usd=c.cost_usd,
            burden_usd=_burden(c.cost_usd, c.wrong, c.latency_s and c.latency_s.mean, worth),
            oracle=c.oracle,
        )
        for c in group
    ]


def without_repeats(pools: Sequence[PoolCell]) -> list[PoolCell]:
    """One sample is one plan under every selection, so it stands once a model."""
    kept: dict[tuple, PoolCell] = {}
    for p in pools:
        plan = (p.model, p.accuracy) if _is_single(p) else (p.model, p.strategy, p.k, p.oracle)
        kept.setdefault(plan, p)
    return list(kept.values())


def _is_single(p: PoolCell) -> bool:
    return p.k == 1 and not p.oracle


def _burden(usd: float | None, wrong: float | None, seconds: float | None, worth: Worth) -> float | None:
    """Cost + W P(wrong) + L seconds: a part that has no price need not be known."""
    for amount, price in ((wrong, worth.wrong_usd), (seconds, worth.usd_per_s)):
        if price > 0:
            usd = None if usd is None or amount is None else usd + price * amount
    return usd


def offers_of_pools(group: Sequence[PoolCell], worth: Worth = MONEY_ALONE) -> list[Offer]:
    """The offers of the recorded pools of one task, in their order."""
    several = len({p.model for p in group}) > 1
    names = ["single" if _is_single(p) else f"{p.strategy} of {p.k}" for p in group]
    return [_offer_of_pool(p, name, several, worth) for p, name in zip(group, names, strict=True)]


def _offer_of_pool(p: PoolCell, plan: str, several: bool, worth: Worth) -> Offer:
    usd = None if p.cost_nusd is None else p.cost_nusd / NUSD
    return Offer(
        plan=plan,
        name=named(plan, "", p.model if several else ""),
        model=p.model,
        strategy=p.strategy,
        verifier="",
        questions=p.questions,
        accuracy=p.accuracy,
        accuracy_interval=(p.interval.low, p.interval.high),
        cost_usd=usd,
        burden_usd=_burden(usd, p.wrong, None, worth),
        k=p.k,
        standard_error=p.standard_error,
        oracle=p.oracle,
    )


def named(strategy: str, verifier: str = "", model: str = "") -> str:
    """A plan as people read it.

    Example:
        >>> named("best_of_n:n=8", "judge", "local/qwen")
        'best_of_n:n=8 checked by judge on local/qwen'
    """
    return strategy + (f" checked by {verifier}" if verifier else "") + (f" on {short(model)}" if model else "")


def short(model: str) -> str:
    """A model's name without the folders of a file, cut at 48 characters.

    Example:
        >>> short("local//home/me/models/tiny.gguf")
        'local/tiny.gguf'
    """
    head, slash, tail = model.partition("/")
    name = f"{head}/{tail.rsplit('/', 1)[-1]}" if slash else model
    return name if len(name) <= 48 else f"{name[:47]}…"
