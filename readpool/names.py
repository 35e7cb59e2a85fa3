"""What names in Kubernetes look like. Pure. Use `fullmatch`."""

import re

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123: a namespace, a Service, a Pod's hostname."""
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""RFC 1123: the name of most objects."""
