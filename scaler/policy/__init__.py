"""How many replicas there should be, and why. Pure."""
