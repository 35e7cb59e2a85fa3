# Every target sets up what it needs by itself: a Python >= 3.11 with venv is all that has to be there.

VENV     ?= .venv
PYTHON   ?=
ARGS     ?=
IMAGE    ?= readpool:latest
BASE     ?=
NAME     ?= readpool
MINUTES  ?= 20
SEED     ?= 1
INPUTS   ?= 10000000
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)

PY       := $(VENV)/bin/python
PYTEST   := $(PY) -m pytest -p no:cacheprovider
SOURCES  := readpool scaler controller bench devtools tests lock
KEDA     := -I readpool/keda=proto proto/externalscaler.proto
OBSERVER := -I proto proto/readpool/v1/observer.proto
PROTOC    = $(PY) -m grpc_tools.protoc --python_out=$(1) --grpc_python_out=$(1) --mypy_out=$(1) --mypy_grpc_out=$(1)
STUBS    := readpool/keda readpool/v1

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup stubs dashboards dashboards-preview check check-workflows check-stubs check-lock test e2e e2e-local e2e-cluster e2e-full e2e-real-core require-real-core soak fuzz hostile browser demo recording docs bench policy-bench start-bench lock clean image \
	release release-check release-python release-definition release-sbom release-chart release-krew release-checksums release-image publish-image find-gate-digest publish-chart sign publish-release \
	quickstart e2e-cluster-pools e2e-cluster-routes e2e-cluster-scaler cluster-images cluster-up cluster-down cluster-shell cluster-status
.DELETE_ON_ERROR:

help: ## Show this
	@echo 'readpool: read-only pools of Stellar Core that keep themselves fresh'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Start with `make demo`; then `make test`. Nothing has to be installed first but Python 3.11 or newer with venv.'
	@echo 'The cluster needs Linux, root and Go; it says what else is missing, or installs it where apt is there.'
	@echo 'Settings: PYTHON=python3.12  VENV=.venv  JOBS=2  ARGS="flags for demo, bench, policy-bench, test, e2e"'

setup: ## Make the virtual environment from the lock (every target does this by itself)
	@PYTHON='$(PYTHON)' .ci/setup '$(VENV)'

demo: setup ## Watch a simulated fleet fall behind, grow, recover and shrink, in 90 s (ARGS="--headless --report FILE.json")
	@$(VENV)/bin/readpool demo $(ARGS)

recording: setup ## Record the demo for README into docs/images/demo.svg, in 70 s
	$(PY) -m devtools.demo_recording

# A third of it is waiting, so one more at a time than there are processors.
test: setup ## Run the unit and component tests: about four minutes on two cores
	@mkdir -p artifacts
	$(PYTEST) tests/unit tests/component -n $$(($(JOBS) + 1)) --dist worksteal -o faulthandler_timeout=180 \
		--junitxml=artifacts/test.xml $(ARGS)

e2e: e2e-local e2e-cluster ## Run the slow and real: networks of processes, a browser, the demo, then a real cluster with KEDA

e2e-local: setup browser cluster-images ## Of those, what needs no cluster
	@mkdir -p artifacts
	$(PYTEST) -m 'not full' tests/e2e --ignore=tests/e2e/cluster -n $(shell [ $(JOBS) -lt 2 ] && echo 1 || echo 5) --dist loadfile --no-loadscope-reorder \
		--junitxml=artifacts/e2e-local.xml $(ARGS)

# Most of it is waiting, so three clusters of ours at once take a third as long; a cluster that is given takes all in turn.
CLUSTER_PARTS := e2e-cluster-pools e2e-cluster-routes e2e-cluster-scaler
e2e-cluster: setup cluster-images ## Of those, what runs on a cluster: three of ours, or that of KUBECONFIG (docs/cluster.md)
	@mkdir -p artifacts
	@echo 'on three clusters at once, eleven minutes or so; each tells its part when it has ended'
	@$(MAKE) --no-print-directory $(if $(KUBECONFIG)$(READPOOL_CLUSTER),-j1,-j3 --output-sync=target) $(CLUSTER_PARTS)

FULL_TESTS    := $(wildcard tests/e2e/cluster/test_full_*.py)
CLUSTER_TESTS := $(filter-out $(FULL_TESTS),$(sort $(wildcard tests/e2e/cluster/test_*.py)))
# The test of the controller's role judges by what the stories of pools did on the same cluster, and the soak is the last of its own.
# What is neither stands where it makes all three parts take about as long.
ROUTED        := $(addprefix tests/e2e/cluster/test_,pool_routed_faults.py pool_stale_reads.py pool_learned_capacity.py pool_workload_kinds.py pool_snapshots.py pool_soak.py)
WITH_POOLS    := $(filter-out $(ROUTED),$(filter tests/e2e/cluster/test_pool_% $(addprefix %/test_,role_used.py tls.py tls_default.py odd_conditions.py),$(CLUSTER_TESTS)))

# Sessions of pytest that end at once would clear each other's old folders from under them.
APART         := PYTEST_DEBUG_TEMPROOT=$$(mktemp -d)

e2e-cluster-pools:
	$(APART) $(PYTEST) -m 'not full' $(WITH_POOLS) --junitxml=artifacts/e2e-cluster-pools.xml $(ARGS)

e2e-cluster-routes:
	$(APART) $(PYTEST) -m 'not full' $(ROUTED) --junitxml=artifacts/e2e-cluster-routes.xml $(ARGS)

e2e-cluster-scaler:
	$(APART) $(PYTEST) -m 'not full' $(filter-out $(WITH_POOLS) $(ROUTED),$(CLUSTER_TESTS)) --junitxml=artifacts/e2e-cluster-scaler.xml $(ARGS)

e2e-full: setup cluster-images ## Run what takes an hour: slices that are not written, capacity that is learned, second proofs (READPOOL_FULL_MINUTES=10)
	@mkdir -p artifacts
	$(PYTEST) -m full tests/e2e --junitxml=artifacts/e2e-full.xml $(ARGS)
	$(PY) -m bench --quick --only routes --only clusters --out artifacts/bench-quick.json
	READPOOL_FUZZ_REQUESTS=50000 $(PYTEST) -o faulthandler_timeout=0 tests/e2e/test_gate_fuzz.py --junitxml=artifacts/e2e-full-fuzz.xml $(ARGS)

soak: setup ## Bring random faults upon a cluster of ours, under readers; fails unless all holds (MINUTES=20 SEED=1)
	@$(PY) -m tests.soak --minutes '$(MINUTES)' --seed '$(SEED)'

hostile: MINUTES = 5
hostile: setup ## Attack gate and router as hostile readers do, under the chart's limits, and judge (MINUTES=5, ARGS="--only slow"; root)
	$(PY) -m tests.hostile --minutes '$(MINUTES)' $(ARGS)

# The tests that run on the simulated Core otherwise; those of recordings hold the simulated one to them, and are not among these.
CORE_TESTS := tests/component/readpool/simulator/test_simulator_core_network.py \
	$(addprefix tests/e2e/test_,real_core.py core_config_real.py core_config_syncs.py start_command.py gate_real.py demo_core.py)

require-real-core:
	@if [ ! -x '$(STELLAR_CORE)' ]; then \
		echo 'make e2e-real-core needs a real stellar-core: STELLAR_CORE=/path/to/stellar-core (docs/testing.md).' >&2; exit 1; \
	fi

e2e-real-core: require-real-core setup cluster-images ## Run on a real stellar-core what runs on the simulated one otherwise: STELLAR_CORE=/path/to/stellar-core
	@mkdir -p artifacts
	$(PYTEST) $(CORE_TESTS) --junitxml=artifacts/e2e-real-core.xml $(ARGS)
	@$(MAKE) --no-print-directory e2e-cluster

# What cannot be built here is said; the tests that need it then skip with the reason, or fail in a strict run.
cluster-images: setup
	@$(PY) -m devtools.cluster images || echo 'going on without the parts of a cluster' >&2

cluster-up: setup ## Start a real Kubernetes with KEDA on this machine (root; NAME=readpool; the first time builds it)
	@$(PY) -m devtools.cluster up --name '$(NAME)' $(ARGS)

quickstart: setup ## Show the quick start on that Kubernetes: no kind, no docker (docs/quickstart.md; it stays up)
	@$(PY) -m devtools.cluster quickstart --name '$(NAME)'

cluster-down: setup ## End it, whatever state it is in, and leave nothing
	@$(PY) -m devtools.cluster down --name '$(NAME)'

cluster-shell: setup ## Open a shell in its network, with kubectl and helm
	@$(PY) -m devtools.cluster shell --name '$(NAME)'

cluster-status: setup
	@$(PY) -m devtools.cluster status --name '$(NAME)'

check: setup check-lock check-stubs ## Lint, format, types, import contracts, plain English; stubs and lock current
	ruff check $(SOURCES)
	ruff format --check $(SOURCES)
	mypy
	lint-imports --no-cache
	$(PY) -m devtools.prose

check-workflows: ## Lint the workflows with actionlint (Go)
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

check-lock: setup
	$(PY) lock/check.py

check-stubs: setup
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	$(call PROTOC,"$$fresh") $(KEDA) 2>"$$fresh/log" && $(call PROTOC,"$$fresh") $(OBSERVER) 2>>"$$fresh/log" \
		|| { cat "$$fresh/log" >&2; exit 1; }; \
	for package in $(STUBS); do \
		diff -r -x __pycache__ -x __init__.py "$$fresh/$$package" $$package || { echo 'run: make stubs' >&2; exit 1; }; \
	done && echo 'the generated stubs are current'

stubs: setup ## Generate the gRPC stubs from proto/
	$(call PROTOC,.) $(KEDA)
	$(call PROTOC,.) $(OBSERVER)

bench: setup ## Measure polling, 10,000 nodes and GetMetrics into bench/results.json (ARGS="--quick --out FILE" for a look)
	$(PY) -m bench $(ARGS)

fuzz: setup ## Give each parser of outside bytes inputs that are almost right (INPUTS=10000000 ARGS="--target trigger --seed 1")
	$(PY) -m tests.fuzz --inputs $(INPUTS) --jobs $(JOBS) $(ARGS)

policy-bench: setup ## Compare scaling policies over a hundred simulated days (ARGS="--days 5" for a look)
	$(PY) -m bench.policy_bench $(ARGS)

start-bench: setup ## Measure how soon restarted and new replicas are fresh at real timing, 25 minutes (STELLAR_CORE=… for a real one)
	$(PY) -m bench.starts $(ARGS)

dashboards: setup ## Make the chart's dashboards and rules from devtools/monitoring
	$(PY) -m devtools.monitoring

PROMETHEUS ?= http://localhost:9090
dashboards-preview: setup ## Draw the dashboards from a Prometheus into artifacts/dashboards, where no Grafana is at hand (PROMETHEUS=URL ARGS="--minutes 30")
	$(PY) -m devtools.monitoring.preview --prometheus '$(PROMETHEUS)' $(ARGS)

lock: ## Resolve the dependencies of pyproject.toml into lock/ (UPGRADE=1 for the newest of each)
	@command -v uv >/dev/null || .ci/setup '$(VENV)'
	uv pip compile $(LOCK_FLAGS) pyproject.toml -o lock/runtime.txt
	uv pip compile $(LOCK_FLAGS) -c lock/runtime.txt pyproject.toml --group dev -o lock/dev.txt
	uv pip compile $(LOCK_FLAGS) -c lock/dev.txt --group build -o lock/build.txt
	uv pip compile $(LOCK_FLAGS) -c lock/dev.txt --group docs -o lock/docs.txt

LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

# An environment of its own, so that what tests and the demo install stays small. The build fetches nothing.
DOCS_VENV := $(VENV)-docs
$(DOCS_VENV)/.made-from-lock: lock/docs.txt
	@PYTHON='$(PYTHON)' .ci/docs '$(DOCS_VENV)'

docs: $(DOCS_VENV)/.made-from-lock ## Build the documentation site into site/; broken links and pages outside the navigation fail
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --strict --clean $(ARGS)

IMAGE_ARGS = $(if $(BASE),--build-arg BASE='$(BASE)') --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)"

image: ## Build the container image with buildah or docker (BUILDER=docker for that one; IMAGE=readpool:latest BASE=python:3.11-slim for another base, TARGET=simulated-core for that one)
	@if [ '$(or $(BUILDER),buildah)' = buildah ] && command -v buildah >/dev/null; then \
		set -x; buildah bud $(IMAGE_ARGS) $(if $(TARGET),--target '$(TARGET)') -t '$(IMAGE)' $(ARGS) .; \
	elif [ '$(or $(BUILDER),docker)' = docker ] && command -v docker >/dev/null; then \
		set -x; docker build $(IMAGE_ARGS) $(if $(TARGET),--target '$(TARGET)') -t '$(IMAGE)' $(ARGS) .; \
	else \
		echo 'make image needs $(or $(BUILDER),buildah or docker), which is not on PATH.' >&2; exit 1; \
	fi

# A release, part by part into dist/; docs/releasing.md. What is pushed and signed has targets of its own, which need a registry's login.
RELEASE    := $(PY) -m devtools.release
REPOSITORY ?= ghcr.io/readpool/readpool
CHARTS     ?= oci://ghcr.io/readpool/charts
ARCH       ?= amd64
DIGEST     ?=
GATE_DIGEST ?=
TAG        ?=

release: release-python release-definition release-sbom release-chart release-krew release-checksums ## Make all of a release that needs no registry, into dist/

release-check: setup ## Check that TAG=v1.2.3 may release what is checked out, and print its notes
	@$(RELEASE) check '$(TAG)'

release-python: setup
	$(RELEASE) python

release-definition: setup
	$(RELEASE) definition

release-sbom: setup
	$(RELEASE) sbom

release-chart: setup
	$(RELEASE) chart $(if $(DIGEST),--repository '$(REPOSITORY)' --digest '$(DIGEST)') $(if $(GATE_DIGEST),--gate-digest '$(GATE_DIGEST)')

release-krew: setup
	$(RELEASE) krew

release-checksums: setup
	$(RELEASE) checksums

release-image: ## Build the image for ARCH=amd64 or arm64 into dist/, of this machine's kind
	@mkdir -p dist
	buildah bud $(IMAGE_ARGS) --platform 'linux/$(ARCH)' --timestamp "$$(git log -1 --format=%ct)" -t 'readpool:$(ARCH)' $(ARGS) .
	buildah push 'readpool:$(ARCH)' 'oci-archive:dist/readpool-image-$(ARCH).tar'

publish-image: ## Push dist/'s images for both architectures as one to REPOSITORY:TAG; its digest goes into dist/image.digest
	buildah manifest create readpool:release
	for arch in amd64 arm64; do buildah manifest add readpool:release "oci-archive:dist/readpool-image-$$arch.tar"; done
	buildah manifest push --all --digestfile dist/image.digest readpool:release 'docker://$(REPOSITORY):$(patsubst v%,%,$(TAG))'

find-gate-digest: setup ## Ask the registry for the digest of the Envoy that the chart names; it goes into dist/gate.digest (skopeo)
	@mkdir -p dist
	skopeo inspect --no-tags --format '{{.Digest}}' "docker://$$($(RELEASE) gate-image)" >dist/gate.digest

publish-chart: ## Push dist/'s chart to CHARTS; its digest goes into dist/chart.digest
	helm push dist/readpool-*.tgz '$(CHARTS)' 2>&1 | tee /dev/stderr | awk '/^Digest:/ { print $$2 }' >dist/chart.digest

sign: ## Sign image, chart and checksums with cosign, keyless
	cosign sign --yes '$(REPOSITORY)@'"$$(cat dist/image.digest)"
	cosign sign --yes '$(patsubst oci://%,%,$(CHARTS))/readpool@'"$$(cat dist/chart.digest)"
	cosign attest --yes --type cyclonedx --predicate "$$(ls dist/*.cdx.json)" '$(REPOSITORY)@'"$$(cat dist/image.digest)"
	cosign sign-blob --yes --bundle dist/SHA256SUMS.sigstore.json dist/SHA256SUMS

publish-release: ## Make TAG a release on GitHub, with the notes of CHANGELOG.md and what is in dist/
	$(RELEASE) check '$(TAG)' >dist/notes.md
	gh release create '$(TAG)' --verify-tag --notes-file dist/notes.md dist/*.whl dist/*.tar.gz dist/*.tgz dist/*.zip dist/*.yaml dist/*.json dist/SHA256SUMS

browser:
	@.ci/browser

clean: ## Remove what the targets made: the virtual environment, caches, artifacts
	rm -rf '$(VENV)' '$(DOCS_VENV)' site artifacts dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
