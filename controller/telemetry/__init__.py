"""What the controller counts of its own work, and the port where Prometheus and the kubelet ask for it."""
