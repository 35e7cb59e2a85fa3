// The definitions of VolumeSnapshots that an API server is taught in tests (tests/e2e/api/snapshot_definitions.py).
module readpool/external-snapshotter

go 1.24.0

require github.com/kubernetes-csi/external-snapshotter/client/v8 v8.2.0
