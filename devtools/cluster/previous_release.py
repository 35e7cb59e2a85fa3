"""The release before this one: its chart from the history, and its image built by its own Dockerfile."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.debian_base import build_base
from devtools.cluster.readpool_image import CHECKOUT, build_readpool_image
from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import Progress

BEFORE_ANY_TAG = "be4e8db08d6a2be7748a188f2035a5fefbe2cd9f"


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """What an upgrade starts from.

    Attributes:
        commit: its tag, or the commit that stands for it while there is no tag.
        chart: the folder of its chart.
        image: the reference of its image.
        archive: the image's archive.
    """

    commit: str
    chart: Path
    image: str
    archive: Path


def build_previous_release(folder: Path, progress: Progress = print) -> PreviousRelease:
    """Check out the previous release into a folder and build its image, unless the cache has that.

    Raises:
        UnmetNeedError: when the history does not reach back to it, or what builds images is missing.
        CommandError: when the build fails.
    """
    commit = find_previous_release()
    checkout = folder / "previous-release"
    _run_git("clone", "--quiet", "--no-checkout", str(CHECKOUT), str(checkout))
    _run_git("-C", str(checkout), "checkout", "--quiet", commit)
    image, archive = build_readpool_image(build_base(progress), progress, checkout, "readpool-previous")
    return PreviousRelease(commit, checkout / "charts" / "readpool", image, archive)


def find_previous_release() -> str:
    """Find the newest tag before what is checked out, or the commit that stands for one.

    Raises:
        UnmetNeedError: when the history does not reach back to it.
    """
    tag = subprocess.run(
        ["git", "-C", str(CHECKOUT), "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1"],
        capture_output=True,
        check=False,
        text=True,
    )
    commit = tag.stdout.strip() if tag.returncode == 0 else BEFORE_ANY_TAG
    known = subprocess.run(
        ["git", "-C", str(CHECKOUT), "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False
    )
    if known.returncode != 0:
        raise UnmetNeedError(f"The previous release, {commit[:12]}, is not in this clone: git fetch --unshallow.")
    return commit


def _run_git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
