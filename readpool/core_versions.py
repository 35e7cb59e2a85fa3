"""Which Stellar Core do our manifests name? One constant, which a test holds every manifest of the repository to.

A Core supports the protocols up to its own major version, and older ones too (developers.stellar.org, Installing:
Release Version). So the newest major follows every public network; networks.toml says what each is at.
"""

RECOMMENDED_CORE = "30"
"""A tag of stellar/stellar-core: the newest release of that major.

v30.0.0 is of 2026-10-16 (github.com/stellar/stellar-core, releases; the Protocol 30 upgrade guide of stellar.org). Tags
of a major alone are what public code pins, such as stellar/stellar-core:28.
"""
