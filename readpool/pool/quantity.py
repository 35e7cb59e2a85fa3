"""Kubernetes' quantities as numbers, so that sizes can be compared. Pure; under readpool.pool.scalars.

Grammar: k8s.io/apimachinery pkg/api/resource/quantity.go.
"""

import re
from fractions import Fraction

QUANTITY_PATTERN = r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
"""What the API server takes for a quantity, exponents of three digits excepted."""

_PARTS = re.compile(r"([+-]?[0-9.]+)(.*)")
_DECIMAL = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", *"MGTPE"), -3)}
_BINARY = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_FACTORS = _DECIMAL | _BINARY


def parse_quantity(text: str) -> Fraction:
    """Parse a quantity such as 500m, 1.5Gi or 1e3 into its exact value.

    Raises:
        ValueError: for text that is no quantity.
    """
    found = _PARTS.fullmatch(text) if re.fullmatch(QUANTITY_PATTERN, text, re.ASCII) else None
    if found is None:
        raise ValueError(f"{text!r} is not a quantity, such as 500m, 2, 4Gi or 1e3")
    number, suffix = found.groups()
    factor = _FACTORS[suffix] if suffix in _FACTORS else Fraction(10) ** int(suffix[1:])
    return Fraction(number.rstrip(".")) * factor
