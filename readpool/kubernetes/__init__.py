"""The Kubernetes API as plain JSON: what the controller and the scaler's `pool` trigger read and write."""
