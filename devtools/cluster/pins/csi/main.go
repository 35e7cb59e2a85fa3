// Csi is a CSI driver for tests: each volume is a file system in memory, of the size that its claim asks for.
//
// A full volume is full, one that is expanded grows at once, and a snapshot is the whole volume at one moment: whatever
// writes to the volume is stopped while its files are copied. Volumes live as long as the mount namespace of the node.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const driverName = "csi.readpool.test"

func main() {
	folder := flag.String("folder", "", "where volumes and snapshots are kept")
	node := flag.String("node", "", "the node's name")
	socket := flag.String("socket", "", "the socket of the driver")
	kubelet := flag.String("registration", "", "the socket by which the kubelet finds the driver")
	flag.Parse()

	kept, err := openStore(*folder)
	if err != nil {
		log.Fatal(err)
	}
	driver := grpc.NewServer(grpc.UnaryInterceptor(logErrors))
	csi.RegisterIdentityServer(driver, identityServer{})
	csi.RegisterControllerServer(driver, &controllerServer{store: kept})
	csi.RegisterNodeServer(driver, nodeServer{store: kept, node: *node})
	registrar := grpc.NewServer()
	registration.RegisterRegistrationServer(registrar, registrationServer{socket: *socket})

	ended := make(chan error, 2)
	for path, server := range map[string]*grpc.Server{*socket: driver, *kubelet: registrar} {
		listener, err := listen(path)
		if err != nil {
			log.Fatal(err)
		}
		go func() { ended <- server.Serve(listener) }()
	}
	log.Fatal(<-ended)
}

// listen listens on a socket, also where a process that was killed has left its own.
func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

func logErrors(ctx context.Context, request any, call *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	response, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s: %v", call.FullMethod, err)
	}
	return response, err
}

type identityServer struct {
	csi.UnimplementedIdentityServer
}

func (identityServer) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: "1"}, nil
}

func (identityServer) GetPluginCapabilities(
	context.Context, *csi.GetPluginCapabilitiesRequest,
) (*csi.GetPluginCapabilitiesResponse, error) {
	controller := &csi.PluginCapability{Type: &csi.PluginCapability_Service_{
		Service: &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE},
	}}
	expansion := &csi.PluginCapability{Type: &csi.PluginCapability_VolumeExpansion_{
		VolumeExpansion: &csi.PluginCapability_VolumeExpansion{Type: csi.PluginCapability_VolumeExpansion_ONLINE},
	}}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{controller, expansion}}, nil
}

func (identityServer) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

type registrationServer struct {
	registration.UnimplementedRegistrationServer
	socket string
}

func (server registrationServer) GetInfo(
	context.Context, *registration.InfoRequest,
) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              driverName,
		Endpoint:          server.socket,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (registrationServer) NotifyRegistrationStatus(
	_ context.Context, told *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !told.PluginRegistered {
		log.Printf("the kubelet has not registered the driver: %s", told.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
