"""What the server counts, for Prometheus. Labels come from the server's own names, never from a request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from outlay.models.limiter import Limiters
from outlay.types import Answer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one server in a registry of their own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        self.requests = Counter(
            "outlay_requests", "Requests by route and status.", ("route", "status"), registry=r
        )
        self.seconds = Histogram(
            "outlay_request_seconds",
            "From the request to the end of its reply.",
            ("route",),
            registry=r,
            buckets=SECONDS,
        )
        self.in_flight = Gauge("outlay_requests_in_flight", "Requests being answered.", registry=r)
        self.left = Counter("outlay_clients_left", "Clients that left before their reply.", registry=r)
        bought = ("model", "strategy")
        self.calls = Counter("outlay_calls", "Samples bought.", bought, registry=r)
        self.tokens = Counter("outlay_tokens", "Tokens bought.", (*bought, "side"), registry=r)
        self.cost = Counter(
            "outlay_cost_usd", "Cost of what has a known price, in dollars.", bought, registry=r
        )
        of = ("model",)
        self.limit = Gauge("outlay_upstream_limit", "Requests that a model takes at once.", of, registry=r)
        self.under_way = Gauge("outlay_upstream_in_flight", "Requests to a model under way.", of, registry=r)
        self.waiting = Gauge("outlay_upstream_waiting", "Requests that wait for a model.", of, registry=r)
        self.overloads = Gauge(
            "outlay_upstream_overloads", "Requests that a model refused for want of capacity.", of, registry=r
        )
        self.unpriced = Counter("outlay_unpriced_answers", "Answers without a known price.", bought, registry=r)

    def busy(self) -> float:
        """How many requests are being answered."""
        return self.registry.get_sample_value("outlay_requests_in_flight") or 0.0

    def bought(self, model: str, answer: Answer) -> None:
        """Count an answer under the offered name of its model."""
        labels = (model, answer.plan.strategy)
        self.calls.labels(*labels).inc(answer.calls)
        self.tokens.labels(*labels, "input").inc(answer.usage.input_tokens)
        self.tokens.labels(*labels, "output").inc(answer.usage.output_tokens)
        if answer.cost_nusd is None:
            self.unpriced.labels(*labels).inc()
        else:
            self.cost.labels(*labels).inc(answer.cost_nusd / 1e9)

    def upstream(self, limiters: Limiters) -> None:
        """Take in how many requests each model takes at once now, how many are under way, wait, and were refused."""
        for model, limiter in limiters:
            self.limit.labels(model).set(limiter.rule.limit)
            self.under_way.labels(model).set(limiter.in_flight)
            self.waiting.labels(model).set(limiter.n_waiting)
            self.overloads.labels(model).set(limiter.rule.overloads)

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format."""
        return generate_latest(self.registry)
