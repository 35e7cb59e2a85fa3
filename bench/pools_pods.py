"""A pod as a StatefulSet's controller would make it, as far as a pool sees of it; pure, under bench.pools_load."""

from typing import Any

from readpool.kubernetes.kinds import POD, STATEFUL_SET, Manifest

REVISION = "1"


def build_pod(stateful_set: Manifest, ordinal: int) -> dict[str, Any]:
    """Build the pod of an ordinal; its containers are left out but for one, which nobody starts."""
    metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]
    owner = {
        "apiVersion": STATEFUL_SET.api_version,
        "kind": STATEFUL_SET.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    core = next(one for one in template["spec"]["containers"] if one["name"] == "stellar-core")
    return {
        "apiVersion": POD.api_version,
        "kind": POD.name,
        "metadata": {
            "name": f"{metadata['name']}-{ordinal}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"] | {"controller-revision-hash": REVISION},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": core["name"], "image": core["image"]}]},
    }
