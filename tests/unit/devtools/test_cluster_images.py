import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from devtools.cluster.binary_images import BINARY_IMAGES, build_binary_image, build_core_image, name_image
from devtools.cluster.build_context import BUILD_FILES, compute_context_key, copy_context, is_sent, list_context
from devtools.cluster.builds import Binaries
from devtools.cluster.image_archive import (
    Layer,
    read_layer,
    read_layer_sizes,
    rename_archive,
    write_archive,
    write_layer,
)
from devtools.cluster.keda_manifests import name_images
from devtools.cluster.parts import PARTS, read_version
from devtools.cluster.pip_settings import parse_pip_settings
from devtools.cluster.readpool_image import CHECKOUT, compute_added_bytes
from devtools.machine.debian_packages import find_missing, require
from devtools.machine.needs import UnmetNeedError

IGNORED = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("READPOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def silent(_line: str) -> None:
    pass


# Archives.


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    return write_layer(tmp_path / "layer.tar", {"/usr/bin/program": write_file(tmp_path / "program", "#!/bin/sh\n")})


def test_a_layer_holds_executables_of_root_without_a_date_and_an_empty_tmp(layer: Layer) -> None:
    with tarfile.open(layer.path) as tar:
        entries = {entry.name: (entry.mode, entry.uid, entry.mtime) for entry in tar}
    assert entries == {
        "tmp": (0o1777, 0, 0),
        "usr": (0o755, 0, 0),
        "usr/bin": (0o755, 0, 0),
        "usr/bin/program": (0o755, 0, 0),
    }


def test_the_same_content_gives_the_same_layer_whenever_it_is_written(layer: Layer, tmp_path: Path) -> None:
    again = write_layer(tmp_path / "again.tar", {"/usr/bin/program": write_file(tmp_path / "copy", "#!/bin/sh\n")})
    assert again.digest == layer.digest == read_layer(layer.path).digest


def test_an_archive_names_its_image_and_holds_its_layers_in_order(layer: Layer, tmp_path: Path) -> None:
    upper = write_layer(tmp_path / "upper.tar", {"/other": write_file(tmp_path / "other", "more")})
    write_archive(tmp_path / "image.tar", "localhost/thing:1", [layer, upper], {"Entrypoint": ["/other"]}, ["thing:2"])
    with tarfile.open(tmp_path / "image.tar") as tar:
        (manifest,) = json.loads(read_member(tar, "manifest.json"))
        config = json.loads(read_member(tar, manifest["Config"]))
        assert read_member(tar, manifest["Layers"][1]) == upper.path.read_bytes()
    assert manifest["RepoTags"] == ["localhost/thing:1", "thing:2"]
    assert config["config"] == {"Entrypoint": ["/other"], "User": "65532:65532"}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{layer.digest}", f"sha256:{upper.digest}"]
    assert len(config["history"]) == 2


def test_an_archive_that_is_renamed_is_the_same_image_by_other_names(layer: Layer, tmp_path: Path) -> None:
    write_archive(tmp_path / "image.tar", "localhost/thing:1", [layer], {"Entrypoint": ["/usr/bin/program"]})
    rename_archive(tmp_path / "image.tar", tmp_path / "renamed.tar", ["thing:2", "thing:3"])
    with tarfile.open(tmp_path / "image.tar") as old, tarfile.open(tmp_path / "renamed.tar") as new:
        (before,), (after,) = (json.loads(read_member(tar, "manifest.json")) for tar in (old, new))
        assert after == {**before, "RepoTags": ["thing:2", "thing:3"]}
        for name in (before["Config"], *before["Layers"]):
            assert read_member(new, name) == read_member(old, name)


def test_what_an_image_adds_is_what_lies_above_its_base(layer: Layer, tmp_path: Path) -> None:
    upper = write_layer(tmp_path / "upper.tar", {"/other": write_file(tmp_path / "other", "m" * 100_000)})
    write_archive(tmp_path / "image.tar", "localhost/thing:1", [layer, upper], {})
    assert read_layer_sizes(tmp_path / "image.tar") == [layer.path.stat().st_size, upper.path.stat().st_size]
    assert compute_added_bytes(tmp_path / "image.tar", layer) == upper.path.stat().st_size
    with pytest.raises(ValueError, match="does not stand on"):
        compute_added_bytes(tmp_path / "image.tar", upper)


# Images of one binary.


@pytest.fixture
def binaries(tmp_path: Path) -> Binaries:
    return write_binaries(tmp_path, key="1111")


@pytest.mark.parametrize("name", BINARY_IMAGES)
def test_the_image_of_a_binary_runs_it_from_its_place(binaries: Binaries, name: str) -> None:
    archive = build_binary_image(binaries, name, silent)
    with tarfile.open(archive) as tar:
        (manifest,) = json.loads(read_member(tar, "manifest.json"))
        config = json.loads(read_member(tar, manifest["Config"]))
    place = BINARY_IMAGES[name].place
    assert config["config"]["Entrypoint"] == [place]
    assert manifest["RepoTags"] == [name_image(binaries, name)]
    assert [path.name for path in archive.parent.iterdir()] == ["image.tar"]


def test_an_image_is_called_by_the_version_and_the_build_of_its_binary(binaries: Binaries, tmp_path: Path) -> None:
    name = name_image(binaries, "coredns")
    assert re.fullmatch(rf"localhost/coredns:{read_version(PARTS['coredns'])}-[0-9a-f]{{8}}", name)
    assert name_image(write_binaries(tmp_path / "other", key="2222"), "coredns") != name


def test_an_image_is_written_once(binaries: Binaries) -> None:
    first = build_binary_image(binaries, "pause", silent)
    written = first.stat().st_mtime_ns
    assert build_binary_image(binaries, "pause", silent).stat().st_mtime_ns == written


def test_the_image_of_stellar_core_stands_on_the_base_and_is_called_by_both(layer: Layer, tmp_path: Path) -> None:
    core = write_file(tmp_path / "stellar-core", "core")
    reference, archive = build_core_image(core, layer, silent)
    assert len(read_layer_sizes(archive)) == 2
    other_core, _ = build_core_image(write_file(tmp_path / "newer", "newer core"), layer, silent)
    other_base = write_layer(tmp_path / "base.tar", {"/other": core})
    assert len({reference, other_core, build_core_image(core, other_base, silent)[0]}) == 3


# What our image is built from.


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        pytest.param("pyproject.toml", True, id="a file let through"),
        pytest.param("scaler/probes/core.py", True, id="a file below a folder let through"),
        pytest.param("lock/runtime.txt", True, id="a file let through by a pattern"),
        pytest.param("lock/check.py", False, id="a file beside it"),
        pytest.param("tests/unit/scaler/standing/test_tip.py", False, id="a folder that is not let through"),
        pytest.param("scaler/standing/__pycache__/tip.pyc", False, id="taken back at any depth"),
        pytest.param("deep/scaler/standing/tip.py", False, id="a name let through elsewhere"),
    ],
)
def test_our_dockerignore_lets_through_what_the_image_needs(name: str, *, sent: bool) -> None:
    assert is_sent(name, IGNORED) is sent


@pytest.mark.parametrize(
    ("patterns", "name", "sent"),
    [
        pytest.param([], "any", True, id="nothing said"),
        pytest.param(["# a comment", "", "any"], "any", False, id="comments and empty lines count for nothing"),
        pytest.param(["*.log"], "sub/a.log", True, id="a star stays within a folder"),
        pytest.param(["**/*.log"], "sub/deep/a.log", False, id="two stars go down"),
        pytest.param(["**/*.log"], "a.log", False, id="two stars may be no folder at all"),
        pytest.param(["a?c"], "abc", False, id="one letter"),
        pytest.param(["sub/"], "sub/a", False, id="a folder with a slash"),
        pytest.param(["sub", "!sub/a"], "sub/a", True, id="the last one decides"),
        pytest.param(["a.c"], "abc", True, id="a dot is a dot"),
    ],
)
def test_ignore_patterns_are_read_as_a_builder_does(patterns: list[str], name: str, *, sent: bool) -> None:
    assert is_sent(name, patterns) is sent


def test_all_that_the_dockerfile_copies_is_in_the_context() -> None:
    names = list_context(CHECKOUT)
    packages = {"readpool", "scaler", "controller"}
    assert packages | {"lock", "pyproject.toml", "README.md", "LICENSE"} == {name.split("/")[0] for name in names}


def test_the_copy_is_what_the_key_speaks_of(tmp_path: Path) -> None:
    checkout, copy = write_checkout(tmp_path), tmp_path / "copy"
    key = copy_context(checkout, copy)
    assert {path.name for path in copy.iterdir()} == {"kept.py", *BUILD_FILES}
    assert key == compute_context_key(checkout, list_context(checkout))


@pytest.mark.parametrize(
    ("changed", "is_other"),
    [
        pytest.param("kept.py", True, id="a file that is copied"),
        pytest.param("Dockerfile", True, id="the recipe"),
        pytest.param("left.py", False, id="a file that is not copied"),
    ],
)
def test_our_image_is_another_when_what_it_is_built_from_is(tmp_path: Path, changed: str, *, is_other: bool) -> None:
    checkout = write_checkout(tmp_path)
    before = copy_context(checkout, tmp_path / "before")
    (checkout / changed).write_text("changed")
    assert (copy_context(checkout, tmp_path / "after") != before) is is_other


# The machine's pip and packages.


@pytest.mark.parametrize(
    ("listed", "settings"),
    [
        pytest.param("", {}, id="nothing configured"),
        pytest.param("global.index-url='https://index.example/simple'\n",
                     {"index-url": "https://index.example/simple"}, id="an index of its own"),
        pytest.param(":env:.cert='/of/env.crt'\nglobal.cert='/of/file.crt'\n", {"cert": "/of/env.crt"},
                     id="the environment before a file"),
        pytest.param(":env:.default-timeout='180'\n", {"timeout": "180"}, id="a default is a value"),
        pytest.param("global.find-links='/wheels'\nglobal.no-cache-dir='true'\n", {}, id="what a build must not see"),
    ],
)  # fmt: skip
def test_pip_is_told_what_this_machine_tells_it(listed: str, settings: dict[str, str]) -> None:
    assert parse_pip_settings(listed) == settings


def test_a_package_is_there_when_its_program_is() -> None:
    assert find_missing(["sh", "no-such-program", "util-linux"]) == ["no-such-program"]


def test_what_cannot_be_installed_from_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnmetNeedError, match=r"Missing: no-such \(Debian: apt-get install no-such\)"):
        require("no-such", progress=silent)


# KEDA's manifests.

MANIFESTS = """\
      containers:
      - command: [/keda]
        image: ghcr.io/kedacore/keda:main
        imagePullPolicy: Always
      - image: ghcr.io/kedacore/keda-metrics-apiserver:2.21.0
        imagePullPolicy: IfNotPresent
---
          image: ghcr.io/kedacore/keda-admission-webhooks:main
          imagePullPolicy: Always
"""


def test_keda_runs_from_our_images_which_are_never_pulled(binaries: Binaries) -> None:
    named = name_images(MANIFESTS, binaries)
    images = re.findall(r"image: (\S+)", named)
    assert images == [name_image(binaries, f"keda-{name}") for name in ("operator", "adapter", "webhooks")]
    assert set(re.findall(r"imagePullPolicy: (\S+)", named)) == {"Never"}
    assert named.count("\n") == MANIFESTS.count("\n")


def test_an_image_of_keda_that_is_not_built_is_refused(binaries: Binaries) -> None:
    with pytest.raises(KeyError, match="keda-novelty"):
        name_images("image: ghcr.io/kedacore/keda-novelty:main", binaries)


def write_file(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def write_binaries(folder: Path, *, key: str) -> Binaries:
    """Write a joined folder of links to outputs, as builds.py does."""
    joined = folder / "all"
    joined.mkdir(parents=True)
    for image in BINARY_IMAGES.values():
        outputs = folder / f"{image.part}-{key}"
        outputs.mkdir(exist_ok=True)
        write_file(outputs / image.binary, image.binary)
        (joined / image.binary).symlink_to(outputs / image.binary)
    return Binaries(joined)


def write_checkout(folder: Path) -> Path:
    """Write a checkout of which one file is built from."""
    checkout = folder / "checkout"
    checkout.mkdir()
    subprocess.run(["git", "init", "-q", checkout], check=True)
    for name, content in {
        ".dockerignore": "*\n!kept.py\n",
        "Dockerfile": "FROM x",
        "kept.py": "",
        "left.py": "",
    }.items():
        write_file(checkout / name, content)
    return checkout


def read_member(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member
    return member.read()
