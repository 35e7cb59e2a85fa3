"""What history archives hold: asked in the background, for pools with ledger ranges."""
