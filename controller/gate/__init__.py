"""The gate beside each replica: Envoy's configuration, and the ports that it opens. Pure."""
