"""What developers and tests run beside the product: a cluster of our own. Not installed."""
