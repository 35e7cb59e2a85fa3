"""The gRPC services: KEDA's ExternalScaler, our Observer, health; and who may call them how often."""
