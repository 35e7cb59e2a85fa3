"""What a pool's status and conditions say. Pure."""
