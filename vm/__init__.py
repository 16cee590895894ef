"""What a transaction does: typed state, modules, and the transition of one block. Pure."""
