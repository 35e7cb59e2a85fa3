"""What the machine has, and what is fetched or built for it once: the cache, packages, commands that are told of."""
