"""`make soak MINUTES=20 SEED=1`: random faults on a cluster of ours, under readers; fails unless all of it held."""

import argparse
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from devtools.cluster.evidence import save_evidence
from devtools.cluster.provided import ProvidedCluster, provide_cluster
from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import CommandError
from tests.e2e.cluster.core_network import start_core_network
from tests.e2e.cluster.pool_router import run_routed_pool
from tests.e2e.cluster.shared_release import NAMESPACE, install_shared_release
from tests.soak.run import run_soak
from tests.soak.stage import Stage, build_soaked_pool
from tests.soak.table import render_table
from tests.soak.verdict import Verdict

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
FEWEST_MINUTES, MOST_MINUTES = 1.0, 1440.0
MOST_SEED = 2**63 - 1
REFUSED = 2
N = TypeVar("N", int, float)


def main(args: Sequence[str] | None = None) -> int:
    """Run a soak; return the exit code: 0 where all of it held, 1 where not, 2 where it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", default="20", help="for so long faults come (default: %(default)s)")
    parser.add_argument("--seed", default="1", help="of the schedule (default: %(default)s)")
    given = parser.parse_args(args)
    try:
        minutes, seed = parse_minutes(given.minutes), parse_seed(given.seed)
        if os.environ.get("KUBECONFIG"):
            return _refuse("The soak takes the API server away and more: unset KUBECONFIG, and it starts a cluster.")
        with provide_cluster(say) as cluster:
            verdict = _soak(cluster, seed, minutes)
    except ValueError as error:
        return _refuse(str(error))
    except (UnmetNeedError, CommandError) as error:
        return _refuse(f"The soak needs a cluster of ours: {error}")
    return 0 if verdict.holds else 1


def parse_minutes(text: str) -> float:
    """Parse how long it is to last.

    Raises:
        ValueError: it is none; says what is allowed.
    """
    return _parse(
        "MINUTES", text, float, lambda value: FEWEST_MINUTES <= value <= MOST_MINUTES, "a number from 1 to 1440"
    )


def parse_seed(text: str) -> int:
    """Parse a seed.

    Raises:
        ValueError: it is none; says what is allowed.
    """
    return _parse("SEED", text, int, lambda value: 0 <= value <= MOST_SEED, "a whole number from 0 on")


def _parse(name: str, text: str, read: Callable[[str], N], is_allowed: Callable[[N], bool], allowed: str) -> N:
    with contextlib.suppress(ValueError):
        if is_allowed(value := read(text)):
            return value
    raise ValueError(f"{name} has to be {allowed}, not {text!r}.")


def _soak(cluster: ProvidedCluster, seed: int, minutes: float) -> Verdict:
    """Put a pool behind routers on a cluster, soak it, print the table and keep the rest under artifacts/."""
    require_stage(cluster)
    core = cluster.images.core
    assert core is not None
    release = install_shared_release(cluster.access, cluster.images)
    namespaces = [f"soak-{word}-{secrets.token_hex(3)}" for word in ("network", "pool")]
    for name in namespaces:
        cluster.access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        network = start_core_network(cluster.access, namespaces[0], core, cluster.images.readpool)
        manifest = build_soaked_pool(network)
        with run_routed_pool(cluster, release, namespaces[1], manifest) as router:
            verdict = run_soak(Stage(cluster, router, network, manifest), seed, minutes, say)
            say(f"\n{keep_report(verdict, seed, minutes)}")
            if not verdict.holds:
                save_evidence(cluster.access, ARTIFACTS / "soak", [namespaces[1], NAMESPACE, "keda"])
    finally:
        for name in namespaces:
            cluster.access.kubectl("delete", "namespace", name, "--wait=false")
    return verdict


def require_stage(cluster: ProvidedCluster) -> None:
    """Refuse a cluster on which a soak cannot be run.

    Raises:
        UnmetNeedError: it is none of ours, or has no image of Stellar Core or Envoy; says which.
    """
    if not cluster.is_ours:
        raise UnmetNeedError("the API server and others are taken away, so unset KUBECONFIG.")
    if cluster.images.core is None or cluster.images.gate is None:
        raise UnmetNeedError("there is no image of Stellar Core or of Envoy.")


def keep_report(verdict: Verdict, seed: int, minutes: float) -> str:
    """Keep what was done and what failed under artifacts/, and return the table."""
    table = render_table(verdict, f"soak: seed {seed}, {minutes:g} min")
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "soak.txt").write_text(f"{table}\n")
    details = {
        "began_at": verdict.history.began_at,
        "done": [asdict(one) for one in verdict.history.done],
        "skipped": [(asdict(act), why) for act, why in verdict.history.skipped],
        "failed": [asdict(one) for one in verdict.failed],
        "scalings": [asdict(one) for one in verdict.scalings],
        "dead": [asdict(one) for one in verdict.dead],
        "problems": verdict.problems,
    }
    (ARTIFACTS / "soak.json").write_text(json.dumps(details, indent=1))
    return table


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
