"""A real API server, or a small one in the process, and the controller on it."""
