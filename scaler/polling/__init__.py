"""How nodes, gates and references are found and asked."""
