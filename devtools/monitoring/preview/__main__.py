"""Draw the chart's dashboards from a Prometheus: `make dashboards-preview PROMETHEUS=http://localhost:9090`."""

import argparse
import json
import sys
import time
from pathlib import Path

from devtools.monitoring.__main__ import CHART
from devtools.monitoring.preview.page import build_page
from devtools.monitoring.preview.questions import Questioner, Span


def main() -> int:
    """Write a page for each dashboard, and say where."""
    parser = argparse.ArgumentParser(prog="python -m devtools.monitoring.preview", description=__doc__)
    parser.add_argument("--prometheus", default="http://localhost:9090", help="where it is asked (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("artifacts/dashboards"), help="a folder (%(default)s)")
    parser.add_argument("--minutes", type=float, default=180.0, help="how far back the pages show (%(default)s)")
    parser.add_argument("--scrape-seconds", type=float, default=15.0, help="between two scrapes (%(default)s)")
    parser.add_argument("--choose", action="append", default=[], metavar="VARIABLE=VALUE", help="such as fleet=a/b")
    arguments = parser.parse_args()
    now = time.time()
    span = Span(now - 60 * arguments.minutes, now)
    choices = dict(one.split("=", 1) for one in arguments.choose)
    asking = Questioner(arguments.prometheus, span, arguments.scrape_seconds, choices)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file in sorted((CHART / "dashboards").glob("*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        page = arguments.out / f"{file.stem}.html"
        page.write_text(build_page(board, asking), encoding="utf-8")
        sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
