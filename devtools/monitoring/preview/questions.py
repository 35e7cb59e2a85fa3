"""What a dashboard asks: its queries with the choices filled in, and a Prometheus's answers as series."""

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any
from urllib.parse import urlencode

_POINTS = 240
_LEAST_STEP_SECONDS = 1.0
_LABEL_VALUES = re.compile(r"label_values\((.+), *(\w+)\)")
_LABEL = re.compile(r"\{\{ *(\w+) *\}\}")
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a page shows, in Unix seconds."""

    begin: float
    end: float

    @property
    def step(self) -> float:
        """The seconds from one point to the next."""
        return max(_LEAST_STEP_SECONDS, (self.end - self.begin) / _POINTS)


@dataclass(frozen=True, slots=True)
class Series:
    """A line: how the legend calls it, its labels, and its points as times and values."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Questioner:
    """Asks one Prometheus, as Grafana does.

    Attributes:
        scrape_seconds: between two scrapes; a rate is taken over four of them, as Grafana takes it.
    """

    url: str
    span: Span
    scrape_seconds: float
    choices: Mapping[str, str]

    def choose(self, variables: Sequence[Mapping[str, Any]]) -> "Questioner":
        """Choose the first value of each variable that is not chosen yet, and all where that is offered."""
        asking = self
        for variable in variables:
            found = _LABEL_VALUES.fullmatch(str(variable.get("query", "")))
            if found is None or variable["name"] in asking.choices:
                continue
            values = asking.list_values(found[1], found[2])
            chosen = ".*" if variable.get("includeAll") else next(iter(values), "")
            asking = replace(asking, choices={**asking.choices, str(variable["name"]): chosen})
        return asking

    def list_values(self, metric: str, label: str) -> list[str]:
        """List what a label of a metric says, sorted."""
        series = self._ask("query", {"query": self.fill(metric), "time": self.span.end})
        return sorted({one["metric"][label] for one in series if label in one["metric"]})

    def fill(self, expression: str) -> str:
        """Fill the choices into a query."""
        rate = max(4 * self.scrape_seconds, self.span.step + self.scrape_seconds)
        known = {"$__rate_interval": f"{rate:.0f}s", **{f"${name}": one for name, one in self.choices.items()}}
        for name, value in known.items():
            expression = expression.replace(name, value)
        return expression

    def ask(self, target: Mapping[str, Any]) -> list[Series]:
        """Ask a query of a panel: over the span, or for a table at its end."""
        question = {"query": self.fill(target["expr"])}
        if target.get("instant"):
            found = self._ask("query", {**question, "time": self.span.end})
            answers = [(one["metric"], [one["value"]]) for one in found]
        else:
            over = {"start": self.span.begin, "end": self.span.end, "step": self.span.step}
            answers = [(one["metric"], one["values"]) for one in self._ask("query_range", {**question, **over})]
        return [
            Series(
                name_series(target.get("legendFormat", ""), labels),
                labels,
                [(float(at), float(value)) for at, value in values if isfinite(float(value))],
            )
            for labels, values in answers
        ]

    def _ask(self, path: str, question: Mapping[str, Any]) -> list[dict[str, Any]]:
        url = f"{self.url}/api/v1/{path}?{urlencode(question)}"
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - what the caller names
            told = json.load(answer)
        result: list[dict[str, Any]] = told["data"]["result"]
        return result


def name_series(legend: str, labels: Mapping[str, str]) -> str:
    """Fill the labels of a series into a legend; one that it lacks is empty."""
    return _LABEL.sub(lambda match: labels.get(match[1], ""), legend)
