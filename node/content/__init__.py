"""Content between nodes: who holds what, files fetched from several at once, replicas."""
