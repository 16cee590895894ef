"""The module `auctions`: its rows, and what must hold between them."""

from vm.declare import Module

auctions = Module("auctions", "Advertising slots, sold by open ascending auction.")
