"""One builder an object that a pool owns: the pool in, a manifest for server-side apply out."""
