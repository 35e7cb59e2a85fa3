"""Records the demo as an animated SVG, for README: `make recording` plays the real one and writes docs/images/demo.svg.

A frame is what the terminal would show at that moment, as text, so that it stays sharp and small. Readers who ask their
system for less motion see the last frame alone.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from readpool.cli.demo.demo_plan import build_plan
from readpool.cli.demo.demo_report import judge
from readpool.cli.demo.demo_run import play
from readpool.cli.demo.demo_stage import Stage
from readpool.cli.demo.demo_view import build_view

PLACE = Path(__file__).resolve().parent.parent / "docs" / "images" / "demo.svg"
WIDTH, HEIGHT = 92, 22
EVERY_SECONDS = 2.0
SHOWN_SECONDS = 0.8
"""How long a frame is shown: the recording plays two and a half times as fast as it was."""
LAST_SECONDS = 4.0
TITLE = "readpool demo: one replica falls behind, the pool grows by one, heals, and shrinks back"
CELL, LINE, MARGIN = 8.4, 18, 16
BACKGROUND, FOREGROUND = "#10151c", "#d7dde4"
_ANSI = [
    (72, 79, 88),
    (255, 123, 114),
    (86, 211, 100),
    (227, 179, 65),
    (121, 192, 255),
    (210, 168, 255),
    (86, 212, 221),
]
THEME = TerminalTheme((16, 21, 28), (215, 221, 228), [*_ANSI, (215, 221, 228)], [*_ANSI, (255, 255, 255)])

Run = tuple[int, str, Style | None]
Frame = tuple[tuple[Run, ...], ...]


async def record() -> tuple[list[Frame], str]:
    """Play the demo and take a frame every two seconds; return them, and why it failed if it did."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    plan = build_plan(3, 90.0, is_core=False)
    stage = Stage(plan, lambda: loop.time() - began)
    console = Console(width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor", legacy_windows=False)
    playing = asyncio.ensure_future(play(stage, None, 1))
    frames: list[Frame] = []
    while not playing.done():
        await asyncio.wait([playing], timeout=EVERY_SECONDS)
        if stage.snapshot is not None:
            frames.append(take_frame(console, stage))
    await playing
    verdict = judge(stage.timeline, target=plan.nodes, maximum=plan.maximum, seconds=plan.seconds)
    return frames, "" if verdict.ok else verdict.why


def take_frame(console: Console, stage: Stage) -> Frame:
    """Draw what a terminal shows now, as runs of text in one style; what is blank is left out."""
    view = build_view(stage, width=WIDTH, height=HEIGHT)
    lines = console.render_lines(view, console.options.update(width=WIDTH), pad=False)
    frame = []
    for line in lines[:HEIGHT]:
        column, runs = 0, []
        for segment in line:
            if segment.text.strip():
                runs.append((column, segment.text, segment.style))
            column += segment.cell_length
        frame.append(tuple(runs))
    return tuple(frame)


def build_svg(frames: Sequence[Frame]) -> str:
    """Build the animation: one group a frame, each shown in its turn, the last one for longer."""
    total = SHOWN_SECONDS * (len(frames) - 1) + LAST_SECONDS
    rows = max(row for frame in frames for row, runs in enumerate(frame, 1) if runs)
    width, height = WIDTH * CELL + 2 * MARGIN, rows * LINE + 2 * MARGIN
    share = 100 * SHOWN_SECONDS / total
    last = 100 * LAST_SECONDS / total
    groups = []
    for at, frame in enumerate(frames):
        is_last = at == len(frames) - 1
        delay = f' style="animation-delay:{at * SHOWN_SECONDS:.1f}s"'
        groups.append(f'<g class="{"f l" if is_last else "f"}"{delay}>{_draw(frame)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img"><title>{TITLE}</title>'
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
        f".f{{visibility:hidden;animation:f {total:.1f}s step-end infinite}}"
        f".l{{animation-name:l}}@keyframes f{{0%{{visibility:visible}}{share:.3f}%{{visibility:hidden}}}}"
        f"@keyframes l{{0%{{visibility:visible}}{last:.3f}%{{visibility:hidden}}}}"
        "@media (prefers-reduced-motion:reduce){.f{animation:none}.l{visibility:visible}}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>' + "".join(groups) + "</svg>\n"
    )


def _draw(frame: Frame) -> str:
    drawn = []
    for row, runs in enumerate(frame):
        y = MARGIN + (row + 0.8) * LINE
        for column, text, style in runs:
            left = len(text) - len(text.lstrip(" "))
            shown = text.strip(" ")
            x = MARGIN + (column + left) * CELL
            length = f' textLength="{len(shown) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"' if len(shown) > 1 else ""
            drawn.append(f'<text x="{x:.1f}" y="{y:.1f}"{length}{_paint(style)}>{escape(shown)}</text>')
    return "".join(drawn)


def _paint(style: Style | None) -> str:
    color = style.color if style is not None else None
    fill = FOREGROUND if color is None or color.is_default else _name(color)
    more = ' font-weight="700"' if style is not None and style.bold else ""
    more += ' opacity=".6"' if style is not None and style.dim else ""
    return f" fill={quoteattr(fill)}{more}"


def _name(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color.get_truecolor(THEME))


def main() -> int:
    """Record, and write the file; 1 where the demo did not go as it should."""
    frames, failure = asyncio.run(record())
    if failure:
        sys.stderr.write(f"not recorded: {failure}\n")
        return 1
    PLACE.write_text(build_svg(frames), encoding="utf-8")
    sys.stdout.write(f"{len(frames)} frames in {PLACE.name}, {PLACE.stat().st_size // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
