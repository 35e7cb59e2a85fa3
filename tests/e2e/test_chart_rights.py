"""What the chart grants: to the controller what it does, to the scaler a look at pools, and nothing to anybody else."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from tests.e2e.rendered_chart import Helm, Object, args_of, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

CONTROLLER, SCALER, CERTIFICATES = "readpool-controller", "readpool-scaler", "readpool-certificates"
OFF, ISSUED = "tls.mode=off", "tls.mode=certManager"
SOME = "controller.namespaces={one,two}"
ALONE = "controller.enabled=false"
GIVEN = ("tls.mode=secret", "scaler.tls.secretName=given", "controller.scalerAuthentication=keda")
VARIANTS = [pytest.param((), id="all namespaces"), pytest.param((SOME,), id="some namespaces")]
KEPT = ("get", "list", "watch", "create", "patch")
"""What is done to an object that stays as long as its pool; of others, delete as well."""
GRANTED = {
    ("stellar.org", "readonlypools"): {"list", "watch", "patch"},
    ("stellar.org", "readonlypools/status"): {"patch"},
    ("apps", "statefulsets"): {*KEPT},
    ("apps", "deployments"): {"list", "watch"},
    ("apps", "replicasets"): {"list", "watch"},
    ("autoscaling", "horizontalpodautoscalers"): {"list", "watch"},
    ("", "services"): {*KEPT, "delete"},
    ("", "configmaps"): {*KEPT},
    ("", "pods"): {"list", "watch", "patch", "delete"},
    ("", "persistentvolumeclaims"): {*KEPT, "delete"},
    ("networking.k8s.io", "networkpolicies"): {*KEPT},
    ("policy", "poddisruptionbudgets"): {*KEPT},
    ("discovery.k8s.io", "endpointslices"): {*KEPT, "delete"},
    ("keda.sh", "scaledobjects"): {*KEPT, "delete"},
    ("gateway.networking.k8s.io", "httproutes"): {*KEPT, "delete"},
    ("monitoring.coreos.com", "prometheusrules"): {*KEPT, "delete"},
    ("snapshot.storage.k8s.io", "volumesnapshots"): {*KEPT, "delete"},
    ("events.k8s.io", "events"): {"create", "patch"},
}


class Grant(NamedTuple):
    """What an account may do in a namespace, or in all (None)."""

    namespace: str | None
    group: str
    resource: str
    verbs: frozenset[str]
    names: tuple[str, ...] = ()


def list_grants(objects: Sequence[Object], account: str) -> Iterator[Grant]:
    """List what is granted to an account by the roles that are bound to it."""
    roles = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in objects}
    for binding in (o for o in objects if o["kind"] in {"RoleBinding", "ClusterRoleBinding"}):
        (subject,) = binding["subjects"]
        if (subject["kind"], subject["name"], subject["namespace"]) != ("ServiceAccount", account, "readpool"):
            continue
        namespace, reference = binding["metadata"].get("namespace"), binding["roleRef"]
        for rule in roles[reference["kind"], namespace, reference["name"]]["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    verbs = frozenset(rule["verbs"])
                    yield Grant(namespace, group, resource, verbs, tuple(rule.get("resourceNames", ())))


@pytest.mark.parametrize(
    ("settings", "namespaces"), [pytest.param((), {None}, id="all"), pytest.param((SOME,), {"one", "two"}, id="some")]
)
def test_the_controller_may_do_what_it_does_and_no_more(
    helm: Helm, settings: tuple[str, ...], namespaces: set[str | None]
) -> None:
    grants = list(list_grants(helm.render(*settings), CONTROLLER))
    leases = [grant for grant in grants if grant.group == "coordination.k8s.io"]
    assert leases == [
        Grant("readpool", "coordination.k8s.io", "leases", frozenset({"create"})),
        Grant("readpool", "coordination.k8s.io", "leases", frozenset({"get", "update"}), (CONTROLLER,)),
    ]
    others = [grant for grant in grants if grant not in leases]
    assert {grant.namespace for grant in others} == namespaces
    for namespace in namespaces:
        assert {(g.group, g.resource): set(g.verbs) for g in others if g.namespace == namespace} == GRANTED


@pytest.mark.parametrize(
    ("settings", "grants"),
    [
        pytest.param((), [Grant(None, "stellar.org", "readonlypools", frozenset({"list", "watch"}))], id="all"),
        pytest.param(
            (SOME,),
            [Grant(one, "stellar.org", "readonlypools", frozenset({"list", "watch"})) for one in ("one", "two")],
            id="some",
        ),
        pytest.param((ALONE,), [], id="no controller"),
    ],
)
def test_the_scaler_may_read_pools_where_there_is_a_controller(
    helm: Helm, settings: tuple[str, ...], grants: list[Grant]
) -> None:
    assert list(list_grants(helm.render(*settings), SCALER)) == grants


EVENTS = frozenset({"create"})
LEAVES = ("readpool-scaler-tls", "readpool-scaler-client-tls", "readpool-controller-client-tls")
KEDAS = "readpool.readpool-scaler"


@pytest.mark.parametrize(
    ("settings", "read", "verbs"),
    [
        pytest.param((), ("readpool-ca", *LEAVES), {"get", "update"}, id="auto"),
        pytest.param((ALONE,), ("readpool-ca", *LEAVES[:2]), {"get", "update"}, id="auto, the scaler alone"),
        pytest.param((ISSUED,), ("readpool-keda-tls",), {"get"}, id="cert-manager"),
    ],
)
def test_certificates_are_looked_after_by_rights_on_secrets_of_these_names_alone(
    helm: Helm, settings: tuple[str, ...], read: tuple[str, ...], verbs: set[str]
) -> None:
    objects = helm.render(*settings)
    assert list(list_grants(objects, CERTIFICATES)) == [
        Grant("readpool", "", "secrets", frozenset(verbs), read),
        Grant("readpool", "events.k8s.io", "events", EVENTS),
        Grant("keda", "", "secrets", frozenset({"get", "update"}), (KEDAS,)),
        Grant("keda", "events.k8s.io", "events", EVENTS),
    ]
    made = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "Secret"}
    own = set() if ISSUED in settings else {("readpool", name) for name in read}
    assert made == own | {("keda", KEDAS)}, "so that it need not create any"
    assert not [o for o in objects if o["kind"] == "Secret" and "data" in o], "or an upgrade would take it back"


@pytest.mark.parametrize("settings", [(OFF,), (ISSUED, "keda.setUp=false"), GIVEN], ids=["off", "issued", "given"])
def test_where_there_is_nothing_to_look_after_nobody_has_rights_on_secrets(
    helm: Helm, settings: tuple[str, ...]
) -> None:
    objects = helm.render(*settings)
    assert CERTIFICATES not in {o["metadata"]["name"] for o in objects}
    assert "Secret" not in {o["kind"] for o in objects}


def is_for_people(thing: Object) -> bool:
    """Return whether a role is a part of Kubernetes' own roles for people: it is bound to no account."""
    return any("/aggregate-to-" in label for label in thing["metadata"]["labels"])


@pytest.mark.parametrize("settings", VARIANTS)
def test_nobody_else_gets_wildcards_secrets_or_a_way_to_more_rights(helm: Helm, settings: tuple[str, ...]) -> None:
    objects = [o for o in helm.render(*settings) if o["metadata"]["name"] not in {CERTIFICATES, KEDAS}]
    roles = [o for o in objects if o["kind"] in {"Role", "ClusterRole"} and not is_for_people(o)]
    rules = [rule for o in roles for rule in o["rules"]]
    words = {word for rule in rules for words in rule.values() for word in words}
    assert not words & {"*", "secrets", "pods/exec", "serviceaccounts", "nodes", "bind", "escalate", "impersonate"}
    assert not words & {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "deletecollection"}
    assert {o["roleRef"]["kind"] for o in objects if "roleRef" in o} <= {"Role", "ClusterRole"}
    assert not any("aggregationRule" in o for o in objects)


def test_with_namespaces_named_nothing_is_granted_cluster_wide(helm: Helm) -> None:
    kinds = {o["kind"] for o in helm.render(SOME) if not is_for_people(o)}
    assert {kind for kind in kinds if kind.startswith("Cluster")} == {"ClusterTriggerAuthentication"}
    assert {"Role", "RoleBinding"} <= kinds


@pytest.mark.parametrize("settings", [*VARIANTS, pytest.param((ALONE,), id="the scaler alone")])
def test_only_pods_that_ask_the_api_server_get_a_token(helm: Helm, settings: tuple[str, ...]) -> None:
    objects = helm.render(*settings)
    tokens = {
        o["metadata"]["name"]: o["spec"]["template"]["spec"]["automountServiceAccountToken"]
        for o in objects
        if o["kind"] == "Deployment"
    }
    assert tokens.pop(CERTIFICATES)
    assert tokens == ({SCALER: False} if ALONE in settings else {SCALER: True, CONTROLLER: True})
    tokens[CERTIFICATES] = True
    tests = [o["spec"]["automountServiceAccountToken"] for o in objects if o["kind"] == "Pod"]
    assert set(tests) == {False}
    accounts = [o for o in objects if o["kind"] == "ServiceAccount"]
    assert {account["automountServiceAccountToken"] for account in accounts} == {False}
    assert {pod_of(objects, name)["serviceAccountName"] for name in tokens} == {o["metadata"]["name"] for o in accounts}


def test_without_the_controller_there_are_no_rights_at_all(helm: Helm) -> None:
    objects = helm.render(ALONE, OFF)
    rights = [o for o in objects if o["apiVersion"].startswith("rbac.authorization.k8s.io")]
    assert [o for o in rights if not is_for_people(o)] == []
    assert not [argument for argument in args_of(pod_of(objects, SCALER)) if "pools" in argument or "names" in argument]


def test_a_second_release_shares_no_role_and_no_lease_with_the_first(helm: Helm) -> None:
    def names(release: str) -> set[tuple[str, str]]:
        objects = helm.render("crds.install=false", release=release)
        return {(o["kind"], o["metadata"]["name"]) for o in objects if o["apiVersion"].startswith("rbac")}

    assert not names("readpool") & names("another")
    assert "--lease-name=another-readpool-controller" in args_of(
        pod_of(helm.render(release="another"), "another-readpool-controller")
    )
    assert ("ClusterRole", "readpool:readpool-controller") in names("readpool"), "its namespace tells it apart"


def test_more_rules_can_be_given(helm: Helm) -> None:
    prefix = "controller.extraRules[0]"
    settings = [f"{prefix}.apiGroups={{discovery.k8s.io}}", f"{prefix}.verbs={{create}}"]
    grants = list_grants(helm.render(*settings, f"{prefix}.resources={{endpointslices/restricted}}"), CONTROLLER)
    assert Grant(None, "discovery.k8s.io", "endpointslices/restricted", frozenset({"create"})) in list(grants)
