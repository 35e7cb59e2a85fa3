"""A Stellar network in one process: nodes that answer as Stellar Core does and behave as it does."""
