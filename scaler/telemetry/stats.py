"""What the scaler counts of its own work: polls, gRPC requests, the event loop's lag. Read at a scrape.

Written on the hot path, and only by the one event loop: plain numbers, no locks, no labels to resolve. Counting a poll
takes less than a microsecond, which is why prometheus_client's own instruments stay out of it.
"""

from collections import Counter

from readpool.telemetry.histogram import Histogram

POLL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""An idle Stellar Core answers in 1 ms, a busy one within seconds."""
LOOP_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""The promise is a p99 under 0.05 s."""


class ScalerStats:
    """The process-wide counts. One instance is passed to the poller, the gRPC services and the telemetry port.

    Attributes:
        polls: by outcome: "Answered", or the reason of the PollFailure. Reasons are constants of ours, so they are few.
        gate_polls: the same of the gates beside the nodes, which tell of readers.
        poll_seconds: from the start of a poll to its outcome.
        grpc_requests: by method name ("GetMetrics") and status code name ("OK", "UNAVAILABLE").
        grpc_requests_in_flight: by method name; a stream is in flight for as long as it is open.
        loop_lag_seconds: how much later than asked for the event loop woke up.
        refused_callers: what was refused to callers, by what they asked for and whose share was used up.
    """

    __slots__ = (
        "gate_polls",
        "grpc_requests",
        "grpc_requests_in_flight",
        "loop_lag_seconds",
        "poll_seconds",
        "polls",
        "refused_callers",
    )

    def __init__(self) -> None:
        self.polls: Counter[str] = Counter()
        self.gate_polls: Counter[str] = Counter()
        self.poll_seconds = Histogram(POLL_SECONDS)
        self.grpc_requests: Counter[tuple[str, str]] = Counter()
        self.grpc_requests_in_flight: Counter[str] = Counter()
        self.loop_lag_seconds = Histogram(LOOP_LAG_SECONDS)
        self.refused_callers: Counter[tuple[str, str]] = Counter()

    def count_poll(self, outcome: str, seconds: float) -> None:
        """Count one poll by its outcome ("Answered" or the failure's reason) and how long it took, in seconds."""
        self.polls[outcome] += 1
        self.poll_seconds.observe(seconds)

    def begin_grpc_request(self, method: str) -> None:
        """Count one gRPC request in flight, until it is counted as finished."""
        self.grpc_requests_in_flight[method] += 1

    def count_grpc_request(self, method: str, code: str) -> None:
        """Count one finished gRPC request by its method's name and its status code's name."""
        self.grpc_requests_in_flight[method] -= 1
        self.grpc_requests[method, code] += 1
