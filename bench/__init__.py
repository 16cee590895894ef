"""What parts of a node cost, measured: each file is a command of its own."""
