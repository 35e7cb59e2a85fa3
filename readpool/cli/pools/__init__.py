"""`readpool pools` and `readpool explain`: a cluster's pools, and why each is of its size."""
