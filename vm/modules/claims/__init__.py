"""What holders of an earlier chain claim here by a message signed there."""

from vm.modules.claims.tables import claims

__all__ = ["claims"]
