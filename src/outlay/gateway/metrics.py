"""What the server counts, for Prometheus.

Labels are the server's own names; of a request's tags only so many are counted apart that nobody can fill its memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from outlay.models.breaker import Breakers
from outlay.models.limiter import Limiters
from outlay.types import Answer

MOST_TAGS = 100
"""Pairs of a tag and its value that are counted apart, those that came first; the rest counts as `other`."""
STATES = ("closed", "half-open", "open")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one server in a registry of their own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        requests = Counter("outlay_requests", "Requests by route and status.", ("route", "status"), registry=r)
        seconds = Histogram(
            "outlay_request_seconds",
            "From the request to the end of its reply.",
            ("route",),
            registry=r,
            buckets=SECONDS,
        )
        self.in_flight = 0
        """Requests being answered."""
        Gauge("outlay_requests_in_flight", "Requests being answered.", registry=r).set_function(self.busy)
        self.left = Counter("outlay_clients_left", "Clients that left before their reply.", registry=r)
        bought = ("model", "strategy")
        calls = Counter("outlay_calls", "Samples bought.", bought, registry=r)
        tokens = Counter("outlay_tokens", "Tokens bought.", (*bought, "side"), registry=r)
        cost = Counter("outlay_cost_usd", "Cost of what has a known price, in dollars.", bought, registry=r)
        self._tags: set[tuple[str, str]] = set()
        tagged = ("tag", "value")
        self.tag_calls = Counter("outlay_tag_calls", "Samples bought, by tag.", tagged, registry=r)
        self.tag_cost = Counter(
            "outlay_tag_cost_usd", "Cost of what has a known price, in dollars, by tag.", tagged, registry=r
        )
        of = ("model",)
        self.limit = Gauge("outlay_upstream_limit", "Requests that a model takes at once.", of, registry=r)
        self.under_way = Gauge("outlay_upstream_in_flight", "Requests to a model under way.", of, registry=r)
        self.waiting = Gauge("outlay_upstream_waiting", "Requests that wait for a model.", of, registry=r)
        self.overloads = Gauge(
            "outlay_upstream_overloads", "Requests that a model refused for want of capacity.", of, registry=r
        )
        self.crowded_out = Gauge(
            "outlay_upstream_crowded_out", "Requests that could not be served in time.", of, registry=r
        )
        self.breaker = Gauge(
            "outlay_upstream_breaker",
            "0 asked as usual, 1 tried with one request, 2 left alone.",
            of,
            registry=r,
        )
        self.opened = Gauge(
            "outlay_upstream_breaker_opened", "How often a model was left alone after failures.", of, registry=r
        )
        unpriced = Counter("outlay_unpriced_answers", "Answers without a known price.", bought, registry=r)
        # Found once: looking a counter up by its labels takes several times as long as counting.
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)
        self._calls, self._tokens = cache(calls.labels), cache(tokens.labels)
        self._cost, self._unpriced = cache(cost.labels), cache(unpriced.labels)

    def busy(self) -> float:
        """How many requests are being answered."""
        return float(self.in_flight)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests(route, str(status)).inc()
        self._seconds(route).observe(seconds)

    def bought(self, model: str, answer: Answer) -> None:
        """Count an answer under the offered name of its model."""
        strategy = answer.plan.strategy
        self._calls(model, strategy).inc(answer.calls)
        self._tokens(model, strategy, "input").inc(answer.usage.input_tokens)
        self._tokens(model, strategy, "output").inc(answer.usage.output_tokens)
        if answer.cost_nusd is None:
            self._unpriced(model, strategy).inc()
        else:
            self._cost(model, strategy).inc(answer.cost_nusd / 1e9)

    def tagged(self, tags: Mapping[str, str], answer: Answer) -> None:
        """Count an answer under each of its request's tags."""
        for pair in tags.items():
            if pair not in self._tags:
                if len(self._tags) >= MOST_TAGS:
                    pair = ("other", "other")
                self._tags.add(pair)
            self.tag_calls.labels(*pair).inc(answer.calls)
            self.tag_cost.labels(*pair).inc((answer.cost_nusd or 0) / 1e9)

    def upstream(self, limiters: Limiters) -> None:
        """Take in how many requests each model takes at once now, how many are under way, wait, and were refused."""
        for model, limiter in limiters:
            self.limit.labels(model).set(limiter.rule.limit)
            self.under_way.labels(model).set(limiter.in_flight)
            self.waiting.labels(model).set(limiter.n_waiting)
            self.overloads.labels(model).set(limiter.rule.overloads)
            self.crowded_out.labels(model).set(limiter.crowded_out)

    def fared(self, breakers: Breakers) -> None:
        """Take in which models are left alone for a while after failures."""
        for model, breaker in breakers:
            self.breaker.labels(model).set(STATES.index(breaker.state))
            self.opened.labels(model).set(breaker.opened)

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format."""
        return generate_latest(self.registry)
