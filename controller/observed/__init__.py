"""What every room builds on: the types of what is observed of a pool, names and labels, reasons, comparison."""
