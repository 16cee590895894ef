"""Virtual gifts from a catalogue, and gifts made to order."""

from vm.modules.gifts.tables import gifts

__all__ = ["gifts"]
