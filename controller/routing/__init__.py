"""Which replicas readers get, and with what weight. Pure."""
