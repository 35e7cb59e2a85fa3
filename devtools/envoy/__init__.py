"""A real Envoy as gate and router, with backends that tell what they were asked."""
