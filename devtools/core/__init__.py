"""A Stellar Core to test on, simulated or real, and what a private network of them needs."""
