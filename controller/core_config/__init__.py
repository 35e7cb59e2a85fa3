"""The configuration that Stellar Core reads in each replica. Pure."""
