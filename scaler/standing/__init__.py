"""Where one replica stands: its class, the network's tip, and what is remembered of it between polls. Pure."""
