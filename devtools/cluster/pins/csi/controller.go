package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Of a claim that asks for nothing in particular.
const defaultBytes = 64 << 20

// delayParameter is a VolumeSnapshotClass's: how long ("30s") a snapshot takes to be ready after it was taken.
const delayParameter = "readyAfter"

// controllerServer makes and removes volumes and snapshots, one at a time. A name that it knows is answered with what
// is there, since callers ask again.
type controllerServer struct {
	csi.UnimplementedControllerServer
	mutex sync.Mutex
	store store
}

func (server *controllerServer) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		response.Capabilities = append(response.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc},
		})
	}
	return response, nil
}

func (server *controllerServer) ValidateVolumeCapabilities(
	_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	confirmed := &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: request.VolumeCapabilities}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}, nil
}

func (server *controllerServer) CreateVolume(
	_ context.Context, request *csi.CreateVolumeRequest,
) (*csi.CreateVolumeResponse, error) {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	for _, capability := range request.VolumeCapabilities {
		if capability.GetBlock() != nil {
			return nil, status.Error(codes.InvalidArgument, "a volume is a file system, not a block device")
		}
	}
	size := request.GetCapacityRange().GetRequiredBytes()
	if size == 0 {
		size = defaultBytes
	}
	source := ""
	if content := request.GetVolumeContentSource(); content != nil {
		if source = content.GetSnapshot().GetSnapshotId(); source == "" {
			return nil, status.Error(codes.InvalidArgument, "a volume is made from nothing or from a snapshot")
		}
		snapshot, err := server.store.readSnapshot(source)
		if err != nil {
			return nil, refuse(err)
		}
		if size < snapshot.Bytes {
			return nil, status.Errorf(codes.OutOfRange, "%s needs %d bytes", source, snapshot.Bytes)
		}
	}
	made, err := server.store.makeVolume(request.Name, size, source)
	if err != nil {
		return nil, refuse(err)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: request.Name, CapacityBytes: made, ContentSource: request.VolumeContentSource,
	}}, nil
}

func (server *controllerServer) DeleteVolume(
	_ context.Context, request *csi.DeleteVolumeRequest,
) (*csi.DeleteVolumeResponse, error) {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	return &csi.DeleteVolumeResponse{}, refuse(server.store.removeVolume(request.VolumeId))
}

func (server *controllerServer) ControllerExpandVolume(
	_ context.Context, request *csi.ControllerExpandVolumeRequest,
) (*csi.ControllerExpandVolumeResponse, error) {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	size, err := server.store.expandVolume(request.VolumeId, request.GetCapacityRange().GetRequiredBytes())
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: size}, refuse(err)
}

func (server *controllerServer) CreateSnapshot(
	_ context.Context, request *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	delay := time.Duration(0)
	if text := request.Parameters[delayParameter]; text != "" {
		var err error
		if delay, err = time.ParseDuration(text); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "%s: %v", delayParameter, err)
		}
	}
	taken, err := server.store.takeSnapshot(request.Name, request.SourceVolumeId)
	if err != nil {
		return nil, refuse(err)
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId:     request.Name,
		SourceVolumeId: taken.Volume,
		SizeBytes:      taken.Bytes,
		CreationTime:   timestamppb.New(taken.TakenAt),
		ReadyToUse:     time.Since(taken.TakenAt) >= delay,
	}}, nil
}

func (server *controllerServer) DeleteSnapshot(
	_ context.Context, request *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	return &csi.DeleteSnapshotResponse{}, refuse(server.store.removeSnapshot(request.SnapshotId))
}

// refuse gives an error the code that CSI has for it; nil stays nil.
func refuse(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, errOther):
		return status.Error(codes.AlreadyExists, err.Error())
	case errors.Is(err, errName):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
