"""The module `claims`: its rows, and what must hold between them."""

from vm.declare import Module

claims = Module("claims", "What holders of an earlier chain claim here by a message signed there.")
