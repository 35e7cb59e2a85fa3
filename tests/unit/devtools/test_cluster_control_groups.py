"""Where a container's control group is found, on trees that look like version 1 and version 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devtools.cluster.control_groups import ControlGroups, find_missing_controllers

CONTAINER = "0123abcd"


def make_version_1(mount: Path) -> Path:
    """Make a tree of version 1 with one container in it; return the mount."""
    for controller in ("cpu", "cpuset", "memory", "pids"):
        group = mount / controller / "readpool-a" / "kubepods" / "poduid1" / CONTAINER
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text("41\n42\n")
    (mount / "cpu" / "readpool-a" / "kubepods" / "poduid1" / CONTAINER / "cpu.cfs_quota_us").write_text("-1")
    return mount


def make_version_2(mount: Path) -> Path:
    """Make a tree of version 2 with one container in it; return the mount."""
    (mount / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    group = mount / "readpool-a" / "kubepods" / "poduid1" / CONTAINER
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("41\n42\n")
    (group / "cpu.max").write_text("max 100000")
    return mount


both = pytest.mark.parametrize(
    "make", [pytest.param(make_version_1, id="version 1"), pytest.param(make_version_2, id="version 2")]
)


@both
def test_the_processes_of_a_container_and_of_its_pod_are_found(make: Callable[[Path], Path], tmp_path: Path) -> None:
    groups = ControlGroups("a", make(tmp_path))
    assert groups.list_pids(container_id=CONTAINER) == [41, 42]
    assert groups.list_pids(pod_uid="uid1") == [41, 42]


@both
def test_a_container_of_another_cluster_is_not_found(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=CONTAINER):
        ControlGroups("b", make(tmp_path)).list_pids(container_id=CONTAINER)


def test_a_new_group_may_use_what_its_parent_may(tmp_path: Path) -> None:
    for name, make in (("1", make_version_1), ("2", make_version_2)):
        (tmp_path / name).mkdir()
        mount = make(tmp_path / name)
        if name == "1":
            (mount / "cpuset" / "cpuset.cpus").write_text("0-1")
            (mount / "cpuset" / "cpuset.mems").write_text("0")
        ControlGroups("a", mount).make()
    assert (tmp_path / "1" / "cpuset" / "readpool-a" / "parts" / "cpuset.cpus").read_text() == "0-1"
    assert (tmp_path / "2" / "readpool-a" / "cgroup.subtree_control").read_text() == "+cpu +cpuset +memory +pids"
    assert (tmp_path / "2" / "readpool-a" / "parts").is_dir()


@both
def test_nothing_that_the_kubelet_needs_is_missing(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert find_missing_controllers(make(tmp_path)) == []


@pytest.mark.parametrize("cores", [0.5, None])
def test_a_cpu_limit_is_written_as_each_version_wants_it(cores: float | None, tmp_path: Path) -> None:
    for name, make, file in (("1", make_version_1, "cpu.cfs_quota_us"), ("2", make_version_2, "cpu.max")):
        (tmp_path / name).mkdir()
        groups = ControlGroups("a", make(tmp_path / name))
        groups.set_cpu_limit(CONTAINER, cores)
        written = (groups.find("cpu", container_id=CONTAINER) / file).read_text()
        assert written == {"1": ("50000", "-1"), "2": ("50000 100000", "max 100000")}[name][cores is None]


def test_a_machine_without_control_groups_lacks_them_all(tmp_path: Path) -> None:
    assert find_missing_controllers(tmp_path / "nothing") == ["cpu", "cpuset", "memory", "pids"]
