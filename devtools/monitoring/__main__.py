"""`make dashboards`: write the chart's rules and dashboards."""

import sys
from pathlib import Path

from devtools.monitoring.files import render_all

CHART = Path(__file__).resolve().parents[2] / "charts" / "readpool"


def main() -> int:
    """Write every file that is not current, and remove those that nothing makes any more; say which."""
    wanted = render_all()
    made = [path for folder in ("rules", "dashboards") for path in (CHART / folder).glob("*")]
    for path in made:
        if str(path.relative_to(CHART)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = CHART / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
