"""What should be, of one pool: everything observed in, every write out. Pure."""
