"""One replica as a plan sees it: its pod, its troubles, whether it drains, whether it is stuck. Pure."""
