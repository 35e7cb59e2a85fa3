"""One parser a kind of node: the bytes of an answer to a NodeReport; those of a gate's to a GateReport.

Whatever the bytes are, they parse or raise ProbeError. What is asked in one poll is scaler.probes.conversation's.
"""

from collections.abc import Callable, Mapping

from scaler.probes.archive import parse_archive
from scaler.probes.core import parse_core
from scaler.probes.gate import parse_gate
from scaler.probes.horizon import parse_horizon
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport
from scaler.probes.rpc import parse_rpc

__all__ = ["parse", "parse_archive", "parse_core", "parse_gate", "parse_horizon", "parse_rpc"]

_PARSERS: Mapping[ProbeKind, Callable[[bytes], NodeReport]] = {
    ProbeKind.CORE: parse_core,
    ProbeKind.RPC: parse_rpc,
    ProbeKind.HORIZON: parse_horizon,
    ProbeKind.ARCHIVE: parse_archive,
}


def parse(kind: ProbeKind, body: bytes) -> NodeReport:
    """Parse the first answer of a node of this kind.

    Raises:
        ProbeError: when it is not one.
    """
    return _PARSERS[kind](body)
