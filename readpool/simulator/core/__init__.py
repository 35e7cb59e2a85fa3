"""A simulated Stellar Core: one process that is configured, started, read and ended as Stellar Core 22.4.1 is.

It stands on the standard library alone, so that it runs wherever there is a Python, in a pod as on a laptop. It is no
part of what readpool decides, and says what it is in its build string and in its log.
"""

BUILD = "v22.4.1-simulated"
"""What `version`, /info and history archives say of it."""
PROTOCOL = 22
