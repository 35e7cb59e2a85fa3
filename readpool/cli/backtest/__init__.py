"""Replays a pool's past through the real policy and weights, for other settings than it had: what would it have cost?

history -> reconstruction (a model day) -> replay, a setting each -> fit and advice -> terminal, JSON, page.
"""
