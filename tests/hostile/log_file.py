"""What a program under attack may log: lines that are short, and not without end."""

from pathlib import Path

MOST_LINE_BYTES = 8 * 1024
MOST_BYTES_A_SECOND = 64 * 1024
_AT_ONCE_BYTES = 1 << 20


def find_log_harm(log: Path, seconds: float) -> list[str]:
    """Find what is wrong with the log of a program that has run for so long."""
    size, longest = log.stat().st_size, 0
    with log.open("rb") as lines:
        longest = max((len(line) for line in lines), default=0)
    harm = [] if longest <= MOST_LINE_BYTES else [f"a line of its log has {longest:,} bytes"]
    most = _AT_ONCE_BYTES + round(MOST_BYTES_A_SECOND * seconds)
    return harm if size <= most else [*harm, f"its log has {size:,} bytes, {most:,} at most"]
