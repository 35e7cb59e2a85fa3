"""The `readpool` command, on top of everything else."""
