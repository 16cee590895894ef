"""Bodies that holders elect for a term."""

from vm.modules.elections.tables import elections

__all__ = ["elections"]
