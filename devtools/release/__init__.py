"""What a release consists of, each part made by a target of make, offline and the same each time; docs/releasing.md."""
