"""The signals that end a node well. Those that come while it still starts wait until it can end as Core does."""

import signal

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def hold() -> None:
    """Hold them back."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)


def release() -> None:
    """Release them, those that waited at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
