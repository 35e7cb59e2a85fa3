"""What a cluster may be called, and where its state may lie."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from itertools import combinations
from pathlib import Path

import pytest

from devtools.cluster.addresses import MOST_PLACES, Addresses, IpFamily
from devtools.cluster.folders import build_folders, hold_name, list_names


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "-a", "a-", "a" * 31, "a b", "a\n"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a cluster's name"):
        build_folders(name)


@pytest.mark.parametrize("name", ["a", "readpool", "e2e-1234-0", "a" * 30])
def test_two_clusters_share_no_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders = build_folders(name)
    assert folders.state == tmp_path / "readpool" / "clusters" / name
    assert not folders.lock.is_relative_to(folders.state)


@pytest.mark.parametrize("place", ["/run/user/0", "/var/lib/state", "/var/log"])
def test_state_where_the_cluster_sees_folders_of_its_own_is_refused(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", place)
    with pytest.raises(ValueError, match="XDG_STATE_HOME"):
        build_folders("a")


def test_one_at_a_time_holds_a_name_even_where_each_removes_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders, holders, most = build_folders("a"), [0], [0]

    def hold(_turn: int) -> None:
        with hold_name(folders, lambda _line: None):
            holders[0] += 1
            most[0] = max(most[0], holders[0])
            holders[0] -= 1
            folders.lock.unlink()

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(hold, range(200)))
    assert most == [1]
    assert list_names() == []


def test_clusters_are_listed_by_their_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert list_names() == []
    build_folders("b").state.mkdir(parents=True)
    build_folders("a").state.mkdir()
    build_folders("b").lock.touch()
    assert list_names() == ["a", "b"]


def test_clusters_of_other_places_share_no_ipv4_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = [Addresses(family, place) for family in IpFamily for place in range(MOST_PLACES)]
    folders = build_folders("a")
    folders.state.mkdir(parents=True)
    for addresses in made:
        folders.ip_family.write_text(f"{addresses.family} {addresses.place}")
        assert folders.addresses == addresses
    nets = [
        ip_network(net, strict=False)
        for addresses in made
        if addresses.family is IpFamily.IPV4
        for net in (*addresses.of_node, addresses.first.pods, addresses.first.services)
    ]
    assert len(nets) == 3 * MOST_PLACES
    assert not any(one.overlaps(other) for one, other in combinations(nets, 2))
