"""The module `tasks`: its rows, and what must hold between them."""

from vm.declare import Module

tasks = Module("tasks", "Grants and tasks of the community, which its committee approves.")
