"""The module `elections`: its rows, and what must hold between them."""

from vm.declare import Module

elections = Module("elections", "Bodies that holders elect for a term.")
