"""What the controller sees of a cluster: informers, what is kept of objects, and one pool gathered from them."""
