"""What a soak says at its end: addresses that stayed, times to recover, the table, and whether it held."""

import json
import math
from typing import Any

import pytest

from tests.soak.__main__ import parse_minutes, parse_seed
from tests.soak.addresses import find_dead_addresses
from tests.soak.history import PodSeen, Read, Routed, Serving
from tests.soak.recovery import measure_recoveries
from tests.soak.table import find_quantile, render_table
from tests.soak.truth import Truth
from tests.soak.verdict import judge
from tests.soak.writes import count_writes
from tests.unit.soak_histories import ENDED, FIRST_PROBE, NAMES, address, done, history, ready, silent, sizes

ALL = frozenset(map(address, NAMES))
OTHERS = ALL - {address("soak-0")}
GONE = PodSeen(200.0, "replica", "soak-0", "uid of soak-0", address("soak-0"), False, True)
FAULT = done("kill", "scaler", 120, 120, "scaler-a")


def find_dead(routed: list[Routed], pods: list[PodSeen], **others: Any) -> list[tuple[str, float, bool]]:
    seen = history(routed=(Routed(FIRST_PROBE, ALL), *routed), pods=(*map(ready, NAMES), *pods), **others)
    return [(one.name, one.seconds, one.is_excused) for one in find_dead_addresses(seen)]


@pytest.mark.parametrize(
    ("routed", "pods", "dead"),
    [
        pytest.param([Routed(201.9, OTHERS)], [GONE], [], id="it left in time"),
        pytest.param([Routed(190.0, OTHERS)], [GONE], [], id="it left before its pod"),
        pytest.param([Routed(203.0, OTHERS)], [GONE], [("soak-0", 3.0, False)], id="it left late"),
        pytest.param([], [GONE], [("soak-0", 100.0, False)], id="it stayed"),
        pytest.param([Routed(190.0, OTHERS), Routed(210.0, ALL)], [GONE], [], id="it is another's, who came later"),
        pytest.param(
            [], [GONE, PodSeen(201.0, "replica", "soak-3", "new", address("soak-0"), False)], [], id="it was given anew"
        ),
        pytest.param([], [], [], id="its pod is there"),
    ],
)
def test_an_address_that_stays_after_its_pod_is_told(routed: Any, pods: Any, dead: Any) -> None:
    assert find_dead(routed, pods) == dead


@pytest.mark.parametrize(
    ("fault", "is_excused"),
    [
        (done("away", "kube-apiserver", 195, 205), True),
        (done("away", "etcd", 170, 185), True),
        (done("stop", "controller", 199, 215, "a", "b", index=-1), True),
        (done("stop", "controller", 199, 215, "a"), False),
        (done("away", "kube-apiserver", 150, 160), False),
    ],
)
def test_one_that_nobody_could_take_out_is_told_apart(fault: Any, is_excused: bool) -> None:
    assert find_dead([Routed(220.0, OTHERS)], [GONE], done=(fault,)) == [("soak-0", 20.0, is_excused)]


def recover(*faults: Any, **others: Any) -> list[float]:
    return [round(one.seconds, 1) for one in measure_recoveries(Truth(history(done=faults, **others)))]


def test_a_replica_is_whole_when_it_answers_is_ready_and_readers_are_sent_to_it() -> None:
    fault, unlike = done("stop", "replica", 150, 160, "soak-0"), silent("soak-0", 150, 165)
    words = [*map(ready, NAMES), ready("soak-0", 152, is_ready=False), ready("soak-0", 170)]
    slices = (Routed(FIRST_PROBE, ALL), Routed(152, OTHERS), Routed(173, ALL))
    assert recover(fault, unlike=unlike) == [5]
    assert recover(fault, unlike=unlike, pods=tuple(words)) == [10]
    assert recover(fault, unlike=unlike, pods=tuple(words), routed=slices) == [13]


def test_one_that_answers_for_a_moment_is_not_whole_yet() -> None:
    twice = [p for p in silent("soak-0", 150, 175) if p.ledger or not 162 <= p.began_at < 164]
    back = [p for p in silent("soak-0", 175, 175) if 162 <= p.began_at < 164]
    assert recover(done("kill", "gate", 150, 150, "soak-0"), unlike=[*twice, *back]) == [25]


def test_nothing_is_measured_of_what_was_hurt_again_or_never_came_back() -> None:
    first, again = done("kill", "replica", 150, 150, "soak-0"), done("kill", "replica", 158, 158, "soak-0")
    assert recover(first, again, unlike=silent("soak-0", 150, 165)) == [7]
    assert recover(first, unlike=silent("soak-0", 150, ENDED + 20)) == []


def test_programs_are_whole_with_all_their_pods_and_the_api_server_when_it_answers() -> None:
    scalers = [PodSeen(FIRST_PROBE, "scaler", name, name, "", True) for name in ("a", "b")]
    down, up = (PodSeen(at, "scaler", "a", "a", "", at > 151) for at in (151.0, 158.0))
    assert recover(done("kill", "scaler", 150, 150, "a"), pods=(*scalers, down, up)) == [8]
    serving = (Serving(FIRST_PROBE, True), Serving(150, False), Serving(163, True))
    assert recover(done("away", "etcd", 150, 160, "etcd"), serving=serving) == [3]
    assert recover(done("away", "kubelet", 150, 160, "kubelet")) == []


def test_a_soak_in_which_all_was_well_held() -> None:
    verdict = judge(history())
    assert verdict.holds
    assert render_table(verdict, "soak").endswith("It held.")


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"done": ()}, "no fault was brought about"),
        ({"reads": ()}, "no read was answered"),
        ({"reads": history().reads[:50]}, "for 151 s nobody read"),
        ({"reads": (*history().reads[:50], *history().reads[62:])}, "for 13 s nobody read"),
        (
            {"reads": (*history().reads, Read(200.0, 200.1, "503: no"), Read(250.0, 250.1, ledger=250))},
            "1 reads failed that a living replica could have answered",
        ),
        ({"wanted": sizes((200, 6)), "sizes": sizes((201, 6))}, "1 scalings were wrong"),
        ({"unsettled": ("Ready False",)}, "not settled at the end: Ready False"),
        (
            {"reads": (*history().reads[:-1], Read(319.0, 319.1, "503: no")), "probes": history().probes[:40]},
            "1 reads failed in the last 10 s, when nothing was hurt",
        ),
    ],
)
def test_what_did_not_hold_is_said(others: dict[str, Any], problem: str) -> None:
    verdict = judge(history(**others))
    assert problem in verdict.problems
    assert problem in render_table(verdict, "soak")


def test_a_read_that_nobody_could_have_answered_is_told_and_held_against_nobody() -> None:
    unlike = [probe for name in NAMES for probe in silent(name, 190, 230)]
    reads = (*history().reads, Read(200.0, 200.1, "503: no"))
    verdict = judge(history(unlike=unlike, reads=reads))
    assert verdict.holds
    assert "1 failed, no fault: 503: no (nobody could have answered)" in render_table(verdict, "soak")


def test_the_table_has_each_kind_of_fault_with_its_failed_reads_and_its_time_to_recover() -> None:
    faults = (done("stop", "replica", 150, 160, "soak-0"), FAULT, done("pause", "user", 250, 260))
    reads = (Read(155.0, 155.1, "503: no"), Read(310.0, 310.1, ledger=310))
    seen = history(done=faults, unlike=silent("soak-0", 150, 165), reads=reads, writes={"leases": 40, "pods": 2})
    lines = render_table(judge(seen), "soak: seed 1, 20 min").splitlines()
    assert lines[0] == "soak: seed 1, 20 min"
    rows = {line[:32].strip(): line[32:].split() for line in lines[2:]}
    assert rows["replica: stop"] == ["1", "5.0", "s", "5.0", "s", "1"]
    assert rows["scaler: kill"] == ["1", "-", "-", "0"]
    assert rows["pause"] == ["1", "-", "-", "0"]
    assert rows["faults"][0] == "2,"
    assert " ".join(rows["writes to the API"]) == "42, 13 a minute (leases 40, pods 2)"


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 3), (0.99, 4), (1.0, 4)])
def test_quantiles_are_values_that_were_seen(share: float, value: float) -> None:
    assert find_quantile([4, 1, 3, 2], share) == value
    assert math.isnan(find_quantile([], share))


def test_writes_are_counted_by_resource_where_they_were_accepted() -> None:
    def line(verb: str, resource: str, code: int = 200, subresource: str | None = None) -> str:
        what = {"resource": resource} | ({"subresource": subresource} if subresource else {})
        return json.dumps({"verb": verb, "objectRef": what, "responseStatus": {"code": code}}) + "\n"

    lines = [
        line("patch", "pods"),
        line("patch", "pods", 409),
        line("get", "pods"),
        line("patch", "readonlypools", subresource="status"),
        line("create", "tokenreviews", 201),
        '{"verb": "patch", "objectRef": {"resou',
    ]
    assert count_writes(lines) == {"pods": 1, "readonlypools/status": 1}


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "0", "-5", "0.5", "1441"])
def test_a_length_that_cannot_be_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"MINUTES has to be a number from 1 to 1440, not"):
        parse_minutes(text)


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", str(2**63)])
def test_a_seed_that_cannot_be_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"SEED has to be a whole number from 0 on, not"):
        parse_seed(text)


def test_lengths_and_seeds_that_can_be_are_taken() -> None:
    assert (parse_minutes("1"), parse_minutes("2.5"), parse_seed("0"), parse_seed("12")) == (1.0, 2.5, 0, 12)
