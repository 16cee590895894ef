"""The module `gifts`: its rows, and what must hold between them."""

from vm.declare import Module

gifts = Module("gifts", "Virtual gifts from a catalogue, and gifts made to order.")
