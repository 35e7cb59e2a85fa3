#!/usr/bin/env bash
# The quick start of docs/quickstart.md: from nothing to a pool that heals itself, on kind. Six commands; each is shown before it runs.
#
#   hack/quickstart.sh          all of it; needs kind, kubectl, helm and docker
#   hack/quickstart.sh images   its third command alone: build both images and load them into kind
#
# On a cluster that has KEDA already, QUICKSTART_CLUSTER=current leaves out the first three. QUICKSTART_CORE_IMAGE names the image
# of the simulated Core there, and QUICKSTART_VALUES a file of more values of the chart, such as other images, for an installation
# that it takes over if there is one. Our tests run it so.
set -euo pipefail
cd "$(dirname "$0")/.."

core_image=${QUICKSTART_CORE_IMAGE:-simulated-stellar-core:quickstart}
began=$SECONDS

# Show a command as people type it, and run it, or what follows it where that differs on another cluster.
run() {
    local shown=$1
    shift
    printf '\n$ %s\n' "$shown"
    if (($#)); then "$@"; else eval "$shown"; fi
}

say() { printf '\n# %s (%d s)\n' "$*" $((SECONDS - began)); }

# Wait for a field of the pool's status: wait_for NAME VALUE SECONDS
wait_for() {
    kubectl wait readonlypool/readers -n quickstart --for="jsonpath={.status.$1}=$2" --timeout="$3s" >/dev/null
}

build_images() {
    make image BUILDER=docker IMAGE=readpool:quickstart
    make image BUILDER=docker IMAGE=simulated-stellar-core:quickstart TARGET=simulated-core
    kind load docker-image readpool:quickstart simulated-stellar-core:quickstart --name readpool
}

install_readpool() {
    helm upgrade --install readpool charts/readpool --namespace readpool --create-namespace --wait --hide-notes \
        --values examples/quickstart/values.yaml ${QUICKSTART_VALUES:+--values "$QUICKSTART_VALUES" --take-ownership}
}

# The manifests name the image that the third command loads; on another cluster it has another name.
apply_manifests() {
    { cat examples/quickstart/network.yaml && echo --- && cat examples/quickstart/pool.yaml; } |
        sed -e "s|image: simulated-stellar-core:quickstart|image: $core_image|" \
            -e "s|image: simulated-stellar-core |image: ${core_image%:*} |" \
            -e "s|version: quickstart|version: ${core_image##*:}|" |
        kubectl apply -f -
}

[ "${1:-}" != images ] || { build_images; exit; }

if [ "${QUICKSTART_CLUSTER:-kind}" != current ]; then
    run 'kind create cluster --name readpool'
    run 'helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version 2.21.0 --namespace keda --create-namespace --wait'
    run 'hack/quickstart.sh images'
fi
run 'helm upgrade --install readpool charts/readpool --namespace readpool --create-namespace --wait --values examples/quickstart/values.yaml' \
    install_readpool
run 'kubectl apply -f examples/quickstart/network.yaml -f examples/quickstart/pool.yaml' apply_manifests

say 'waiting until three replicas are fresh'
wait_for freshReplicas 3 240
wait_for readyReplicas 3 60
say 'a healthy pool'
run 'kubectl get readonlypools -n quickstart'
run 'kubectl exec -n readpool deploy/readpool-scaler -- readpool top --once'

run "kubectl exec -n quickstart readers-1 -c stellar-core -- curl -s 'http://localhost:11626/simulated/lag?seconds=90'"
wait_for laggingReplicas 1 60
say 'readers-1 lags, and readers go to the others'
run 'kubectl exec -n readpool deploy/readpool-scaler -- readpool top --once'
wait_for desiredReplicas 4 60
say 'a fourth replica is wanted'
run 'kubectl exec -n readpool deploy/readpool-scaler -- readpool explain readers -n quickstart --scaler localhost:9090'
wait_for freshReplicas 3 120
say 'healed: three are fresh again'
run 'kubectl get readonlypools -n quickstart'
wait_for laggingReplicas 0 120
say 'readers-1 has caught up by itself; the fourth replica is not needed any more'
wait_for desiredReplicas 3 180
wait_for currentReplicas 3 120
say 'back to three'
run 'kubectl get readonlypools -n quickstart'
run 'kubectl get events -n quickstart --field-selector involvedObject.kind=ReadOnlyPool --sort-by=.metadata.creationTimestamp'
