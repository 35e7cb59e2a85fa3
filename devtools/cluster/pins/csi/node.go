package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// nodeServer shows volumes to pods, by bind mounts at the places that the kubelet names.
type nodeServer struct {
	csi.UnimplementedNodeServer
	store store
	node  string
}

func (server nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: server.node}, nil
}

func (server nodeServer) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (server nodeServer) NodePublishVolume(
	_ context.Context, request *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	source, err := server.store.findVolume(request.VolumeId)
	if err != nil {
		return nil, refuse(err)
	}
	if err := os.MkdirAll(request.TargetPath, 0o750); err != nil {
		return nil, refuse(err)
	}
	there, err := isMounted(request.TargetPath)
	if err == nil && !there {
		err = syscall.Mount(source, request.TargetPath, "", syscall.MS_BIND, "")
	}
	if err == nil && request.Readonly {
		err = syscall.Mount("", request.TargetPath, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
	return &csi.NodePublishVolumeResponse{}, refuse(err)
}

func (server nodeServer) NodeUnpublishVolume(
	_ context.Context, request *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	err := unmount(request.TargetPath)
	if err == nil {
		err = os.Remove(request.TargetPath)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return &csi.NodeUnpublishVolumeResponse{}, refuse(err)
}
