"""Numbers for Prometheus, of this process alone."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class ServiceMetrics:
    """One registry a service, so that two of one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "unprompt_requests", "Answers, by route and status", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "unprompt_request_seconds", "Time to an answer", ("route",), registry=self.registry, buckets=_SECONDS
        )
        self.pictures = Counter(
            "unprompt_pictures", "Pictures, by what became of them", ("route", "outcome"), registry=self.registry
        )
        self.batches = Histogram(
            "unprompt_batch_pictures",
            "Pictures that were judged together",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32),
        )
        self.waiting = Gauge("unprompt_waiting_pictures", "Pictures that wait for the models", registry=self.registry)
