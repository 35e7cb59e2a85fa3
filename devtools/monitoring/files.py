"""All files that are made for the chart."""

from devtools.monitoring.boards import render_boards
from devtools.monitoring.rules import render_rules


def render_all() -> dict[str, str]:
    """Render every file, by its name in the chart."""
    return {**render_rules(), **render_boards()}
