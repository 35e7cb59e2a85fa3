"""What is read of a gate's statistics, and what is refused."""

import contextlib
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.probes.gate import GateReport, parse_gate
from scaler.probes.report import ProbeError

READ = 'envoy_http_conn_manager_prefix="read"'
TOTAL = f"envoy_http_downstream_rq_total{{{READ}}} 12"
TEXT = f"""# TYPE envoy_http_downstream_rq_total counter
{TOTAL}
envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix="info"}} 900
envoy_http_downstream_rq_xx{{envoy_response_code_class="2",{READ}}} 9
envoy_http_downstream_rq_xx{{envoy_response_code_class="5",{READ}}} 2
envoy_http_downstream_rq_time_bucket{{{READ},le="1"}} 4
envoy_http_downstream_rq_time_bucket{{{READ},le="0.5"}} 3
envoy_http_downstream_rq_time_bucket{{{READ},le="+Inf"}} 11
envoy_http_downstream_rq_time_sum{{{READ}}} 77.5
"""


def test_readers_requests_failures_and_times_are_read_and_nothing_else() -> None:
    assert parse_gate(TEXT.encode()) == GateReport(12, 2, 11, ((0.5, 3), (1.0, 4), (inf, 11)))


def test_times_that_are_not_told_are_no_reason_to_refuse_the_rest() -> None:
    assert parse_gate(TOTAL.encode()) == GateReport(12, 0, 0)


SPACE = "envoy_overload_envoy_resource_monitors_injected_resource_pressure"


@pytest.mark.parametrize("told", [f"{SPACE}{{}} 83", f"{SPACE} 83\r"])
def test_how_full_the_volume_is_is_read_where_it_is_told(told: str) -> None:
    assert parse_gate(f"{TOTAL}\n{told}".encode()).volume_used_percent == 83
    assert parse_gate(TOTAL.encode()).volume_used_percent is None


@pytest.mark.parametrize("told", [f"{SPACE}{{}} 101", f"{SPACE}{{}} -1", f"{SPACE}{{}} x", f"{SPACE} 1\n{SPACE} 2"])
def test_a_volume_that_is_fuller_than_full_is_refused(told: str) -> None:
    with pytest.raises(ProbeError, match="percentage"):
        parse_gate(f"{TOTAL}\n{told}".encode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing"),
        (TOTAL.replace("read", "info"), "missing"),
        (f"{TOTAL}\n{TOTAL}", "twice"),
        (TOTAL.replace("12", "NaN"), "whole number"),
        (TOTAL.replace("12", "-1"), "whole number"),
        (TOTAL.replace("12", "9" * 400), "whole number"),
        (f"{TOTAL}\nenvoy_http_downstream_rq_xx{{{READ}}} 1", "labels"),
        (f'{TOTAL}\nenvoy_http_downstream_rq_time_bucket{{{READ},le="1"}} 1', "no bound"),
        (TEXT.replace('le="1"}} 4'.replace("}}", "}"), 'le="1"} 2'), "decreases"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, why: str) -> None:
    with pytest.raises(ProbeError, match=why):
        parse_gate(text.encode())


@given(
    st.binary() | st.lists(st.sampled_from(TEXT.split("\n")) | st.text(), max_size=20).map("\n".join).map(str.encode)
)
def test_any_bytes_parse_or_raise_our_error(body: bytes) -> None:
    with contextlib.suppress(ProbeError):
        report = parse_gate(body)
        assert report.failures <= report.answers
        assert report.requests >= 0
