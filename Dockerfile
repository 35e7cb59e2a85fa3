# The readpool image: one virtual environment, installed from the lock by hash, on a Python base of choice.
# BASE needs python3 >= 3.11 with venv; pip stays in the first stage.
# The digest is of the image's index, for amd64 and arm64; Renovate keeps it new (.github/renovate.json).
ARG BASE=python:3.14-slim-trixie@sha256:51dafde81dbdb6ebde285137a295cf18a47ca95234fe388a343719cb97305b3d

FROM ${BASE} AS build
# The same sources give the same bytes: dates inside wheels, and the order of what Python compiles, do not depend on this build.
ENV SOURCE_DATE_EPOCH=315532800 \
    PYTHONHASHSEED=0
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/readpool
COPY lock/ lock/
RUN /opt/build/bin/python -m pip install --no-cache-dir --only-binary :all: --require-hashes \
        --requirement lock/build.txt \
    && /opt/build/bin/python -m pip --python /opt/readpool/bin/python install --no-cache-dir --no-compile \
        --only-binary :all: --require-hashes --requirement lock/runtime.txt
# The typed models of the Kubernetes client are 120 MB that nothing here imports (docs/decisions/0005).
RUN cd /opt/readpool/lib/python3*/site-packages/kubernetes \
    && find client/api client/models aio/client/api aio/client/models -name '*.py' ! -name __init__.py -delete
COPY . .
RUN mkdir dist && /opt/build/bin/python -m readpool.simulator.core.program dist/stellar-core
# Bytecode that an import has written holds dates, and what several processes compile differs by what each did before: all of it again, by one.
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/python -m pip --python /opt/readpool/bin/python install --no-compile --no-deps --no-index dist/*.whl \
    && /opt/readpool/bin/python -m compileall -q -f -j 1 --invalidation-mode unchecked-hash /opt/readpool/lib \
    && /opt/readpool/bin/python -c 'import readpool.kubernetes.informer, readpool.kubernetes.lease'

FROM ${BASE} AS readpool
ARG VERSION=0.2.0.dev0
ARG REVISION=unknown
ARG SOURCE=https://github.com/readpool/readpool
LABEL org.opencontainers.image.title="readpool" \
      org.opencontainers.image.description="Read-only pools of Stellar Core on Kubernetes that keep themselves fresh" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}"
ENV PATH=/opt/readpool/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/readpool /opt/readpool
# Whoever gets in finds nothing that installs packages or changes the user. dpkg's list stays, for scanners.
RUN find / -xdev -type f -perm /6000 -delete \
    && rm -rf /usr/bin/apt* /usr/lib/apt /etc/apt /var/lib/apt /usr/bin/dpkg* \
        /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
        /usr/lib/python3*/ensurepip /usr/lib/python3/dist-packages/pip* /usr/share/python-wheels
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 9090 8080
ENTRYPOINT ["readpool"]

# A simulated Stellar Core, for pools on a laptop or in tests: laid out as stellar/stellar-core is. `make image TARGET=simulated-core`
FROM ${BASE} AS simulated-core
ARG VERSION=0.2.0.dev0
ARG REVISION=unknown
ARG SOURCE=https://github.com/readpool/readpool
LABEL org.opencontainers.image.title="simulated-stellar-core" \
      org.opencontainers.image.description="A simulated Stellar Core for trying readpool: it keeps no ledger of any public network" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}"
# History is fetched by the commands of the configuration, which are curl's as a rule.
RUN command -v curl || (apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*)
RUN install -d -o 65532 -g 65532 /data
COPY --from=build /src/dist/stellar-core /usr/bin/stellar-core
USER 65532:65532
WORKDIR /data
EXPOSE 11625 11626
ENTRYPOINT ["stellar-core"]

FROM readpool
