"""Grants and tasks of the community, which its committee approves."""

from vm.modules.tasks.tables import tasks

__all__ = ["tasks"]
