"""One fleet folded from polls: its members, its snapshot, its metrics for KEDA. Pure."""
