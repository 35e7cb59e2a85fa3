"""What does a pool ask for that its installation has to allow? The pool in, what is left of it and the refusals out.

Authors of pools may not be allowed to write ScaledObjects or HTTPRoutes, and the controller writes both in their
name. What reaches beyond the pool's namespace is left out of the spec before anything is built from it.
"""

from dataclasses import replace

from controller.observed.plan_settings import ANY_NAMESPACE, PlanSettings
from readpool.pool.autoscaling import ScaleTrigger
from readpool.pool.balancing import ParentRef
from readpool.pool.spec import ReadOnlyPool

_OWN_AUTHENTICATION = "TriggerAuthentication"
_EXTERNAL = ("external", "external-push")
_ADDRESS, _FROM_ENVIRONMENT, _UNVERIFIED = "scalerAddress", "scalerAddressFromEnv", "unsafeSsl"
_SCHEME = "dns:///"
_SERVICE_SUFFIXES = (".svc.cluster.local", ".svc")


def leave_out_refused(pool: ReadOnlyPool, settings: PlanSettings) -> ReadOnlyPool:
    """Return the pool without fields that this installation does not allow; the same object if all are allowed."""
    spec = pool.spec
    changes: dict[str, object] = {}
    scaling: dict[str, object] = {}
    triggers = tuple(one for one in spec.autoscaling.triggers if _may_use(one, settings))
    if triggers != spec.autoscaling.triggers:
        scaling["triggers"] = triggers
    if _is_refused_scaler(spec.autoscaling.scaler_address, settings):
        scaling["scaler_address"] = None
    if scaling:
        changes["autoscaling"] = spec.autoscaling.model_copy(update=scaling)
    route = spec.load_balancing.http_route
    parents = tuple(one for one in _list_parents(pool) if _may_attach(one, pool, settings))
    if route is not None and parents != route.parent_refs:
        kept = route.model_copy(update={"parent_refs": parents}) if parents else None
        changes["load_balancing"] = spec.load_balancing.model_copy(update={"http_route": kept})
    return replace(pool, spec=spec.model_copy(update=changes)) if changes else pool


def explain_refused_scaling(pool: ReadOnlyPool, settings: PlanSettings) -> str:
    """Explain what of spec.autoscaling is not allowed, and which flag would allow it; empty if all is."""
    spec, told = pool.spec.autoscaling, []
    for number, trigger in enumerate(spec.triggers):
        wanted = trigger.authentication_ref
        if wanted is not None and not _may_use(trigger, settings):
            told.append(
                f"autoscaling.triggers[{number}].authenticationRef: {wanted.kind} {wanted.name} is cluster-scoped,"
                " and the controller runs without --allow-cluster-authentication; the trigger is ignored"
            )
    if _is_refused_scaler(spec.scaler_address, settings):
        told.append(
            f"autoscaling.scalerAddress: {spec.scaler_address} is not this installation's scaler, and the"
            f" controller runs without --allow-other-scalers; KEDA uses {settings.scaler_address}"
        )
    return "; ".join(told)


def explain_refused_route(pool: ReadOnlyPool, settings: PlanSettings) -> str:
    """Explain which parents of the HTTPRoute are not allowed, and which flag would allow them; empty if all are."""
    refused = [one for one in _list_parents(pool) if not _may_attach(one, pool, settings)]
    if not refused:
        return ""
    names = ", ".join(f"{one.kind or 'Gateway'} {one.namespace}/{one.name}" for one in refused)
    left = "the route is attached to the others" if len(refused) < len(_list_parents(pool)) else "no HTTPRoute exists"
    verb = "is" if len(refused) == 1 else "are"
    return (
        f"loadBalancing.httpRoute.parentRefs: {names} {verb} in another namespace, which requires --gateway-namespaces;"
        f" {left}"
    )


def _may_use(trigger: ScaleTrigger, settings: PlanSettings) -> bool:
    """Return whether a trigger may be authenticated so. KEDA takes no kind, or an empty one, as the namespace's own."""
    wanted = trigger.authentication_ref
    if wanted is None or (wanted.kind or _OWN_AUTHENTICATION) == _OWN_AUTHENTICATION:
        return True
    return settings.grants.cluster_authentication or _is_ours_for_ours(trigger, wanted.name, settings)


def _is_ours_for_ours(trigger: ScaleTrigger, authentication: str, settings: PlanSettings) -> bool:
    """Return whether a trigger shows the installation's certificate to the installation's scaler, as ours does."""
    told = trigger.metadata
    is_elsewhere = _FROM_ENVIRONMENT in told or told.get(_UNVERIFIED, "false") != "false"
    return (
        trigger.type in _EXTERNAL
        and authentication == settings.scaler_authentication
        and _is_own_scaler(told.get(_ADDRESS, ""), settings)
        and not is_elsewhere
    )


def _is_refused_scaler(address: str | None, settings: PlanSettings) -> bool:
    """Return whether KEDA would show the installation's certificate to a server of the pool's choice, unallowed."""
    is_ours = address is None or _is_own_scaler(address, settings)
    return not (is_ours or settings.scaler_authentication is None or settings.grants.other_scalers)


def _is_own_scaler(address: str, settings: PlanSettings) -> bool:
    return _normalise(address) == _normalise(settings.scaler_address)


def _normalise(address: str) -> str:
    """Normalise the address of a Service: NAME.NAMESPACE, with or without .svc and the domain."""
    host, _, port = address.removeprefix(_SCHEME).rpartition(":")
    host = host.lower().removesuffix(".")
    suffix = next((suffix for suffix in _SERVICE_SUFFIXES if host.endswith(suffix)), "")
    short = host.removesuffix(suffix)
    return f"{short if short.count('.') == 1 else host}:{port}"


def _list_parents(pool: ReadOnlyPool) -> tuple[ParentRef, ...]:
    route = pool.spec.load_balancing.http_route
    return () if route is None else route.parent_refs


def _may_attach(parent: ParentRef, pool: ReadOnlyPool, settings: PlanSettings) -> bool:
    namespace = parent.namespace or pool.namespace
    return namespace == pool.namespace or not {namespace, ANY_NAMESPACE}.isdisjoint(settings.grants.gateway_namespaces)
