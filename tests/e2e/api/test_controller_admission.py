"""Admission of a real API server that rewrites, denies, is away or hangs: readers first, and status says what fails."""

from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import has_replicas, running_pool
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import NETWORK_POLICY, PDB, POOL, SERVICE, STATEFUL_SET, Kind, Manifest
from tests.e2e.api.admission import build_policy, build_webhook, in_force, silent_server

pytestmark = pytest.mark.timeout(180)
MIRROR = "mirror.example/"
IMAGE = "object.spec.template.spec.containers[0].image"
MOST_WRITES = 3
LEAST: dict[Kind, dict[str, Any]] = {
    PDB: {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    STATEFUL_SET: {
        "serviceName": "tried",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "one", "image": "registry.example/one:1"}]},
        },
    },
}
READERS_SECONDS = 5.0
"""For a change of class to be in the slices; on two busy cores. A webhook that hangs takes twice as long."""


async def test_images_that_a_policy_rewrites_are_let_be_and_named(stage: ControllerStage) -> None:
    patch = (
        '[JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image",'
        f' value: "{MIRROR}" + {IMAGE}.split("/")[size({IMAGE}.split("/")) - 1]}}]'
    )
    policy = build_policy(
        stage,
        "Mutating",
        [STATEFUL_SET],
        reinvocationPolicy="Never",
        mutations=[{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    )
    async with in_force(stage, *policy):

        async def is_in_force() -> bool:
            return read_image(await try_write(stage, STATEFUL_SET)).startswith(MIRROR)

        await stage.until(is_in_force, "images to be rewritten")
        async with running_pool(stage):
            condition = await stage.until_condition("Reconciling", reason="UpToDate")
            assert read_image(await stage.read(STATEFUL_SET, "pool")).startswith(MIRROR)
            assert "image of StatefulSet pool" in condition["message"]
            await stage.until_quiet()
            writes = [one for one in stage.relay.writes if one.path.partition("?")[0].endswith("/statefulsets/pool")]
            assert len(writes) <= MOST_WRITES


async def test_what_a_policy_denies_is_said_in_its_words_and_the_rest_is_made(stage: ControllerStage) -> None:
    words = "budgets are the platform's"
    policy = build_policy(stage, "Validating", [PDB], validations=[{"expression": "false", "message": words}])
    async with in_force(stage, *policy):
        await until_denied(stage, PDB)
        async with running_pool(stage):
            condition = await stage.until_condition("Stalled", status="True", reason="Refused")
            assert condition["message"].startswith("PodDisruptionBudget pool: ")
            assert words in condition["message"]
            for kind in (SERVICE, NETWORK_POLICY, STATEFUL_SET):
                await stage.until_there(kind, "pool")
            await until_readers_follow(stage)
    async with stage.controller():
        await stage.until_condition("Stalled", status="False")
        await stage.until_there(PDB, "pool")


async def test_a_webhook_that_is_down_holds_up_no_reader_and_is_named(stage: ControllerStage) -> None:
    async with running_pool(stage):
        async with in_force(stage, build_webhook(stage, "https://127.0.0.1:1/", STATEFUL_SET)):
            await until_denied(stage, STATEFUL_SET)
            await change_template(stage)
            await until_readers_follow(stage)
            await stage.until(lambda: names_failure(stage, "StatefulSet pool"), "status to say what fails")

        async def is_written() -> bool:
            return not await names_failure(stage, "StatefulSet pool")

        await stage.until(is_written, "status to say that it is written")


async def test_a_webhook_that_hangs_holds_up_no_reader(stage: ControllerStage) -> None:
    async with running_pool(stage), silent_server() as url:
        async with in_force(stage, build_webhook(stage, url, PDB, STATEFUL_SET)):
            await change_template(stage)
            for _ in range(3):
                await until_readers_follow(stage)
        await stage.until(lambda: has_replicas(stage, 5), "the rest")


async def names_failure(stage: ControllerStage, what: str) -> bool:
    """Return whether status names an object, and the API server's words on a webhook that does not answer."""
    conditions = (await stage.read(POOL, "pool")).get("status", {}).get("conditions", ())
    return any(what in one["message"] and "failed calling webhook" in one["message"] for one in conditions)


def read_image(stateful_set: Manifest) -> str:
    return str(stateful_set["spec"]["template"]["spec"]["containers"][0]["image"])


async def change_template(stage: ControllerStage) -> None:
    """Make the controller want to write the StatefulSet; the budget it writes with every change of class."""
    template = {"spec": {"terminationGracePeriodSeconds": 77}}
    await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"template": template}}, manager=USER)


async def until_readers_follow(stage: ControllerStage) -> None:
    """Make one replica lag and be fresh again; each is in the slices soon."""
    for lagging, weight in (("lagging", 10), ("fresh", 100)):
        await stage.say(classes={"pool-1": lagging})
        await stage.until_weights(
            {f"pool-{ordinal}": weight if ordinal == 1 else 100 for ordinal in range(5)}, READERS_SECONDS
        )


async def until_denied(stage: ControllerStage, kind: Kind) -> None:
    """Wait until admission is in force: what was just made takes a moment."""

    async def is_denied() -> bool:
        try:
            await try_write(stage, kind)
        except ApiError as error:
            return error.status in {403, 422, 500}
        return False

    await stage.until(is_denied, f"{kind.name} to be denied")


async def try_write(stage: ControllerStage, kind: Kind) -> Manifest:
    """Make an object of a kind, or change the pool's where there is one, as a dry run."""
    live, path = await stage.get(kind, "pool"), kind.build_path(stage.namespace)
    if live is not None:
        live["metadata"]["annotations"] = {**live["metadata"].get("annotations", {}), "tried": "yes"}
        return await stage.client.request("PUT", f"{path}/pool", {"dryRun": "All"}, body=live)
    version = f"{kind.group}/{kind.version}".removeprefix("/")
    body = {"apiVersion": version, "kind": kind.name, "metadata": {"name": "tried"}, "spec": LEAST[kind]}
    return await stage.client.request("POST", path, {"dryRun": "All"}, body=body)
