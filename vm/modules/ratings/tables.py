"""The module `ratings`: its rows, and what must hold between them."""

from vm.declare import Module

ratings = Module("ratings", "What the two sides of a settled session think of each other.")
