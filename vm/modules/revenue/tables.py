"""The module `revenue`: its rows, and what must hold between them."""

from vm.declare import Module

revenue = Module(
    "revenue", "What the platform takes of what users pay each other, and its account of each day."
)
