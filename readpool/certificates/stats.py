"""What is known of the certificates that are looked after, for Prometheus and the probes. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from readpool.certificates.wanted import SecretName


@dataclass(slots=True)
class CertificateStats:
    """Counts and dates.

    Attributes:
        not_after: by Secret, when its certificate ends, Unix seconds.
        issued: by Secret, how often this process has made one.
        failing: by Secret, why it could not be looked after last time.
        is_complete: whether all were in place at some time.
    """

    not_after: dict[SecretName, float] = field(default_factory=dict)
    issued: Counter[SecretName] = field(default_factory=Counter)
    failing: dict[SecretName, str] = field(default_factory=dict)
    is_complete: bool = False
