"""The stream from the scaler's Observer: one a pool, over one connection."""
