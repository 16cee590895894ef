"""The module `checkin`: its rows, and what must hold between them."""

from vm.declare import Module

checkin = Module("checkin", "Active participation: who checks in shares the period's airdrop.")
