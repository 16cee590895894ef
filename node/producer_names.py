"""Producers as people call them."""

from consensus.address import format_address
from vm.modules.producer import PRODUCERS
from vm.view import View


def producer_name(state: View, producer: bytes) -> str:
    """The name that a producer registered, else its address."""
    row = PRODUCERS.get(state, producer)
    return format_address(producer) if row is None else row.name
