"""What a cluster is given for snapshots: one command a part, and objects that name one driver."""

from pathlib import Path

from devtools.cluster.builds import Binaries
from devtools.cluster.csi_storage import CLASS, DEFINITIONS, DRIVER, build_commands, build_manifests, read_definitions
from devtools.cluster.folders import Folders
from devtools.cluster.parts import PARTS


def write_programs(folder: Path) -> Binaries:
    """Write empty files in place of what is built."""
    for name in PARTS["csi"].binaries.values():
        (folder / name).touch()
    definitions = folder / "snapshot-definitions"
    definitions.mkdir()
    for group, kind in (("snapshot", "volumesnapshots"), ("groupsnapshot", "volumegroupsnapshots")):
        (definitions / f"{group}.storage.k8s.io_{kind}.yaml").write_text(kind)
    return Binaries(folder)


def test_every_program_that_is_built_is_a_part_and_all_but_two_meet_at_the_socket_of_the_driver(
    tmp_path: Path,
) -> None:
    commands = build_commands(write_programs(tmp_path), Folders("some", tmp_path))
    assert set(commands) == set(PARTS["csi"].binaries.values())
    socket = f"/var/lib/kubelet/plugins/{DRIVER}/csi.sock"
    assert f"--socket={socket}" in commands["csi-driver"]
    beside = {name for name, command in commands.items() if f"--csi-address={socket}" in command}
    assert set(commands) - beside == {"csi-driver", "snapshot-controller"}


def test_the_definitions_are_those_of_snapshots_alone_not_of_groups(tmp_path: Path) -> None:
    assert read_definitions(write_programs(tmp_path)) == ["volumesnapshots"]


def test_the_classes_have_one_name_and_one_driver() -> None:
    driver, storage, snapshots = build_manifests()
    assert driver["metadata"]["name"] == storage["provisioner"] == snapshots["driver"] == DRIVER
    assert storage["metadata"]["name"] == snapshots["metadata"]["name"] == CLASS
    assert storage["allowVolumeExpansion"] is True


def test_the_definitions_that_are_waited_for_are_of_one_group() -> None:
    assert {name.partition(".")[2] for name in DEFINITIONS} == {"snapshot.storage.k8s.io"}
