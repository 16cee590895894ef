"""The module `sessions`: its rows, and what must hold between them."""

from vm.declare import Module

sessions = Module(
    "sessions", "Calls between two accounts, matched, paid in advance, metered by signed tickets."
)
