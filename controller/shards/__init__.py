"""Which replica serves which shard of history, and which ledgers those are. Pure."""
