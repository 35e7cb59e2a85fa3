"""The plugin of kubectl for krew: an archive with its launcher, and the manifest that names it."""
