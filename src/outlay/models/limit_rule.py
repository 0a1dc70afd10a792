"""How many requests an upstream takes at once, learned from how it answers: up by one a round trip, down by a share.

Pure: it is told what happened and when; it waits for nothing and reads no clock.
"""

from __future__ import annotations

REFUSED = 0.05
"""The weight of one request in the share of the latest that were refused: about the last 40."""
STORM = 0.5
"""From this share of refusals on, what was under way is too much; below, the limit only loses a little."""
SLOWED = 0.9
"""The share that a growth of the latency leaves of the limit."""
TOLERANCE = 2.0
"""How many times slower than for long the upstream may be now before that counts as a growth."""
SHORT, LONG = 0.1, 0.005
"""The weight of one request in the latency now and for long: about the last 20, and the last 400."""
FLOOR = 8
"""The growth of latency alone takes no limit below this part of the most: other prompts can be the reason too."""


class LimitRule:
    """The limit on one upstream's concurrency.

    It starts at the most. A refusal (429, 503, no connection) takes half the share of the latest requests that were
    refused off it; at least 1 is left. So a server that fails now and then for another reason keeps nearly all of its
    limit, and one that refuses everything loses half. Once half of them are refused, that is taken off what was under
    way. The requests that were sent before a cut say nothing new, so a burst of refusals cuts once. A request that is
    answered while at least half of the limit is in use adds 1/limit: one more a round trip, up to the most. Below what
    it was seen to carry (requests under way times the share that is not refused; up with the last 20 answers, down with
    the last 400) an answer adds 1: the limit doubles a round trip after an outage. Where the latency of the last 20
    requests (to the first byte) is twice that of the last 400, the limit loses a tenth, once a round trip, and not
    below an eighth of the most.

    Args:
        most: the limit to start from and never to exceed, at least 1.
        least: never to go below; equal to `most` it is a fixed limit.

    Source: a cut by half the share that is refused: DCTCP (Alizadeh et al. 2010, section 3.1, equations 1 and 2), by
        requests where it counts round trips; a fixed share would hold a server with 6 % of unrelated failures at about
        four requests. Additive increase, multiplicative decrease: Chiu and Jain 1989. One cut a round trip: TCP (RFC
        5681, section 3.2), as is doubling up to `ssthresh` (section 3.1), for which we take what was answered and not
        half of what was under way, of which an outage says nothing. Latency now against latency for long: the idea of
        Netflix' concurrency-limits (`Gradient2Limit`), which scales the limit by the ratio where this takes a fixed
        share; the numbers are our choice.

    Example:
        >>> rule = LimitRule(64)
        >>> rule.overloaded(sent_s=0.0, now_s=1.0, in_flight=20)
        >>> rule.limit
        62
    """

    def __init__(self, most: int, *, least: int = 1):
        self.most, self.least = max(most, 1), max(least, 1)
        self._limit = float(self.most)
        self._cut_s = float("-inf")
        self._now = self._long = self._refused = 0.0
        self.carried = 0.0
        """Requests at once that it was seen to carry."""
        self.overloads = 0
        """Refusals that said that the upstream had too much to do."""

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return int(self._limit)

    @property
    def usual_s(self) -> float:
        """The latency for long, in seconds; 0 before the first answer."""
        return self._long

    def overloaded(self, *, sent_s: float, now_s: float, in_flight: int) -> None:
        """The upstream refused a request for want of capacity.

        Args:
            sent_s: when the request was sent, in seconds.
            now_s: when it was refused.
            in_flight: requests under way then, this one included.
        """
        self.overloads += 1
        self._refused += REFUSED * (1 - self._refused)
        if sent_s >= self._cut_s:
            most = self._limit if self._refused < STORM else min(self._limit, max(in_flight, 1))
            self._cut(most * (1 - self._refused / 2), now_s)

    def answered(self, *, sent_s: float, now_s: float, in_flight: int) -> None:
        """The first byte of an answer came.

        Args:
            sent_s: when the request was sent, in seconds.
            now_s: when the byte came.
            in_flight: requests under way then, this one included.
        """
        self._refused -= REFUSED * self._refused
        latency_s = max(now_s - sent_s, 0.0)
        if self._long == 0.0:
            self._now = self._long = latency_s
        carried = in_flight * (1 - self._refused)
        self.carried += (SHORT if carried > self.carried else LONG) * (carried - self.carried)
        self._now += SHORT * (latency_s - self._now)
        self._long += LONG * (latency_s - self._long)
        if 2 * in_flight < self.limit:
            return
        if self._now <= TOLERANCE * self._long:
            more = 1.0 if self._limit < self.carried else 1 / self._limit
            self._limit = min(self._limit + more, float(self.most))
        elif sent_s >= self._cut_s and self._limit > self.most / FLOOR:
            self._cut(max(self._limit * SLOWED, self.most / FLOOR), now_s)

    def _cut(self, limit: float, now_s: float) -> None:
        self._limit, self._cut_s = max(limit, float(self.least)), now_s
