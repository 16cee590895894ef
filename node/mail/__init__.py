"""The mail that a node holds for its users, and what it tells its peers of it."""
