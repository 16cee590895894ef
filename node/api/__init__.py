"""The node's HTTP interface: every endpoint declared once, with its parameters and answers."""
