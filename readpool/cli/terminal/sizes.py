"""How large a fleet was to be over the last minutes, as far as a view has heard: one cell half a minute. Pure."""

from collections.abc import Sequence

from rich.text import Text

CELL_SECONDS = 30.0
CELLS = 20
_LEVELS = "▁▂▃▄▅▆▇█"
_MOST_DIGIT = 9
Size = tuple[float, int | None]
"""Since when, in Unix seconds, and how many replicas there were to be: None while that was not known."""


def record_size(sizes: Sequence[Size], at: float, desired: int | None) -> tuple[Size, ...]:
    """Record a size where it differs from the one before, and let go what ended before the span that is shown."""
    if sizes and at < sizes[-1][0]:  # another scaler, whose clock is behind
        sizes = ()
    kept = sizes if sizes and sizes[-1][1] == desired else (*sizes, (at, desired))
    begin = at - CELLS * CELL_SECONDS
    ended = sum(1 for later in kept[1:] if later[0] <= begin)
    return tuple(kept[ended:])


def build_sizes(sizes: Sequence[Size], now: float, *, ascii_only: bool) -> Text:
    """Build the cells, the oldest first, such as `▁▁▁█▅ 3 to 5 in 3 min`; in ASCII each is a digit.

    A cell shows the largest size of its half minute. Nothing is built before the size has changed once.
    """
    known = [desired for _, desired in sizes if desired is not None]
    if len(sizes) < 2 or not known:  # noqa: PLR2004
        return Text()
    least, most = min(known), max(known)
    ends = [*(later[0] for later in sizes[1:]), now]
    cells = []
    for number in range(CELLS):
        to = now - (CELLS - 1 - number) * CELL_SECONDS
        within = [
            desired
            for (begin, desired), end in zip(sizes, ends, strict=True)
            if begin <= to and end > to - CELL_SECONDS and desired is not None
        ]
        if not within and to < sizes[0][0]:
            continue
        cells.append(_choose_cell(max(within), least, most, ascii_only=ascii_only) if within else "?")
    minutes = max(1, round(len(cells) * CELL_SECONDS / 60))
    return Text(f"{''.join(cells)} {least} to {most} in {minutes} min", "dim")


def _choose_cell(desired: int, least: int, most: int, *, ascii_only: bool) -> str:
    if ascii_only:
        return str(desired) if 0 <= desired <= _MOST_DIGIT else "+"
    share = (desired - least) / (most - least) if most > least else 0.0
    return _LEVELS[round(share * (len(_LEVELS) - 1))]
