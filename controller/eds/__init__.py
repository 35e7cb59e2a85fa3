"""Envoy's endpoint discovery: from EndpointSlices to assignments, served by gRPC."""
