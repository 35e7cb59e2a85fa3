"""The installation's own certificate authority: makes it, issues what the programs show each other, and renews both."""
