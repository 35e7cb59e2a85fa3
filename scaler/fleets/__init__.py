"""All fleets that somebody asks about, each watched from its first trigger to its last."""
