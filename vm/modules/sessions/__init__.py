"""Calls between two accounts, matched, paid in advance, metered by signed tickets."""

from vm.modules.sessions.tables import sessions

__all__ = ["sessions"]
