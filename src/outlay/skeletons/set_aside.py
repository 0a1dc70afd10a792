"""What may be spent before the answer, so that the answer itself can still be bought."""

from __future__ import annotations

from outlay.budget import Limits
from outlay.run import Run
from outlay.types import Draws


def before_answer(run: Run, draws: Draws, *, role: str = "default") -> Limits:
    """The budget that is left without `draws`: caps for work that comes before them.

    Args:
        run: whose budget.
        draws: the worst case of what must stay affordable.
        role: whose model draws them.

    Returns:
        Caps from 0; no cap where the budget has none. Money is not set aside where the price is unknown.
    """
    money = run.worst_price(draws.input_tokens, draws.output_tokens, role=role) or 0

    def left(dimension: str, kept: int) -> int | None:
        have = run.budget.left(dimension)
        return None if have is None else max(have - kept, 0)

    return Limits(
        nusd=left("nusd", money),
        input_tokens=left("input_tokens", draws.input_tokens),
        output_tokens=left("output_tokens", draws.output_tokens),
        calls=left("calls", draws.calls),
    )
