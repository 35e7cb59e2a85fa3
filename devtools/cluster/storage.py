"""The provisioner behind the StorageClass `standard`: a folder of the node for each claim, removed with it.

Runs as a script inside the cluster's namespaces. It looks at all claims and volumes again and again instead of
watching: what it missed while it or the API server was away is seen the next time.
"""

import http.client
import json
import shutil
import ssl
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROVISIONER = "readpool.test/folder"
CLASS = "standard"
LOOK_SECONDS = 0.5
NODE_ANNOTATION = "volume.kubernetes.io/selected-node"

Object = dict[str, Any]


def find_unserved(claims: Iterable[Object], volumes: Iterable[Object]) -> list[Object]:
    """Find the claims that wait for a volume of ours: a pod that wants them has a node, and no volume is theirs yet."""
    served = {volume["spec"].get("claimRef", {}).get("uid") for volume in volumes}
    return [
        claim
        for claim in claims
        if claim["spec"].get("storageClassName") == CLASS
        and not claim["spec"].get("volumeName")
        and NODE_ANNOTATION in claim["metadata"].get("annotations", {})
        and claim["metadata"]["uid"] not in served
    ]


def find_released(volumes: Iterable[Object]) -> list[Object]:
    """Find the volumes of ours whose claims are gone."""
    return [
        volume
        for volume in volumes
        if volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
        and volume.get("status", {}).get("phase") in {"Released", "Failed"}
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    ]


def build_volume(claim: Object, path: str) -> Object:
    """Build the volume of a claim, in a folder of the node that its pod was given."""
    meta = claim["metadata"]
    node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [meta["annotations"][NODE_ANNOTATION]]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{meta['uid']}",
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
            },
            # `local`, not `hostPath`: the kubelet gives it to the pod's fsGroup.
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
        },
    }


class Api:
    """The few requests of the API that the provisioner needs, over one connection."""

    def __init__(self, url: str, certificates: Path) -> None:
        context = ssl.create_default_context(cafile=certificates / "ca.crt")
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        parts = urlsplit(url)
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port or 443, timeout=10, context=context
        )

    def request(self, method: str, path: str, body: Object | None = None) -> Object:
        """Make one request.

        Raises:
            OSError: when it is not answered, or not with success; the connection is made again the next time.
        """
        try:
            headers = {"Content-Type": "application/json"}
            self._connection.request(method, f"/api/v1/{path}", json.dumps(body) if body else None, headers)
            answer = self._connection.getresponse()
            content: Object = json.loads(answer.read())
        except (http.client.HTTPException, ValueError, OSError) as error:
            self._connection.close()
            raise OSError(f"{method} {path}: {error!r}") from error
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise OSError(f"{method} {path}: {answer.status} {content.get('message')}")
        return content


def look(api: Api, folder: Path) -> None:
    """Look at all claims and volumes once, and do what is due."""
    claims = api.request("GET", "persistentvolumeclaims")["items"]
    volumes = api.request("GET", "persistentvolumes")["items"]
    for claim in find_unserved(claims, volumes):
        path = folder / f"pvc-{claim['metadata']['uid']}"
        path.mkdir(exist_ok=True)
        path.chmod(0o777)  # whoever the pod runs as
        api.request("POST", "persistentvolumes", build_volume(claim, str(path)))
    for volume in find_released(volumes):
        shutil.rmtree(volume["spec"]["local"]["path"], ignore_errors=True)
        api.request("DELETE", f"persistentvolumes/{volume['metadata']['name']}")


def main(url: str, certificates: Path, folder: Path) -> None:
    """Look for ever; a failure is said once until it is over."""
    api, said = Api(url, certificates), ""
    while True:
        try:
            look(api, folder)
            failure = ""
        except OSError as error:
            failure = str(error)
        if failure and failure != said:
            sys.stderr.write(f"{failure}\n")
            sys.stderr.flush()
        said = failure
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
