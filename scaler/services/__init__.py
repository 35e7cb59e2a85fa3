"""The gRPC services: KEDA's ExternalScaler, our Observer, health; and the limits of their callers."""
