"""Wires the model day to the real policy and weights and to their rivals, and judges between them."""
