"""The eyes: asks every node, knows the network's tip, classes each replica, answers KEDA, streams what it sees."""
