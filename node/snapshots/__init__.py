"""Snapshots of the final state: taken, given to peers and in files, and begun from."""
