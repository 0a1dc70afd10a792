"""Where more compute stops paying past a pilot, in plain sentences."""

from __future__ import annotations

from outlay.report.beyond import Beyond, Saturating
from outlay.report.further_words import auditing, checking, stopping
from outlay.report.offer import short
from outlay.report.words import percent


def beyond_words(b: Beyond) -> list[str]:
    """The vote's and the coverage's ends, the saturation, and the verifier's ceiling, price and errors."""
    said = (
        [] if b.more is None else [*stopping(b.more), *(f"{short(b.model)}: {why}." for why in b.more.unsaid)]
    )
    if b.saturating is not None:
        said.append(f"{short(b.model)}: {saturating(b.saturating)}")
    said += [f"{short(b.model)}: {why}." for why in b.unsaid]
    if b.tries is not None:
        said.append(checking(b.tries))
    if b.verifying is not None:
        said.append(auditing(b.verifying))
    return said


def saturating(s: Saturating) -> str:
    """Where perfectly checked tries end, and after which one they stop paying.

    Example:
        >>> print(saturating(Saturating(0.9, (0.8, 0.95), 6, False)))
        tries under a perfect check saturate at 90 % (80 % to 95 %); at this worth they stop paying after 6.
    """
    low, high = s.ceiling_interval
    said = f"tries under a perfect check saturate at {percent(s.ceiling)} ({percent(low)} to {percent(high or 1.0)})"
    if s.tries is not None:
        stop = f"they stop paying after {s.tries}" if s.tries else "not even the first one pays"
        said += f"; at this worth {stop}"
    return said + (" (a curve that these samples reject)." if s.rejected else ".")
