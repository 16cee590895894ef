"""Offers: transfers that are signed before the first is sent, each with the moment it is due.

The loop is open: an offer is due at its moment, however late the network is with those before it,
and its latency counts from then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from consensus.keys import KeyPair
from consensus.transaction import Transaction, transaction_id
from vm.modules.tokens import Transfer

AMOUNT = 1  # units
MAX_OFFERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What all offers have in common; `max_fee` is in units of `asset`."""

    chain: bytes
    asset: str
    max_fee: int
    valid_until_height: int


@dataclass(frozen=True, order=True, slots=True)
class Offer:
    """A signed transfer, due so long after the beginning, in the order of `number`."""

    number: int
    due_s: float = field(compare=False)
    id: bytes = field(compare=False)
    data: bytes = field(compare=False, repr=False)


def make_offers(terms: Terms, keys: Sequence[KeyPair], count: int, per_s: float) -> Iterator[Offer]:
    """So many offers, one after the other from each key to the next, whose accounts are new."""
    for number in range(count):
        turn, place = divmod(number, len(keys))
        key, to = keys[place], keys[(place + 1) % len(keys)].public
        made = Transaction(
            chain=terms.chain,
            sender=key.public,
            payer=None,
            nonce=turn,
            valid_until_height=terms.valid_until_height,
            fee_asset=terms.asset,
            max_fee=terms.max_fee,
            actions=(Transfer(to, terms.asset, AMOUNT, "").pack(),),
            signatures=(),
        )
        data = made.signed(key).encode()
        yield Offer(number, number / per_s, transaction_id(data), data)


class Lane:
    """The offers for one node: those that are due, the earliest first, and again those that it
    could not take."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = offers
        self._next = 0
        self._again: list[Offer] = []

    def take(self, now_s: float, most: int) -> list[Offer]:
        """So many that are due at most; they are the caller's now."""
        taken: list[Offer] = []
        while self._again and len(taken) < most:
            taken.append(heappop(self._again))
        while len(taken) < most and self._is_due(now_s):
            taken.append(self._offers[self._next])
            self._next += 1
        return taken

    def give_back(self, offer: Offer) -> None:
        """Let an offer be taken again."""
        heappush(self._again, offer)

    @property
    def next_due_s(self) -> float | None:
        """When one can be taken; None if none is left."""
        if self._again:
            return 0.0
        return self._offers[self._next].due_s if self._next < len(self._offers) else None

    @property
    def left(self) -> int:
        """How many were not taken, or were given back."""
        return len(self._again) + len(self._offers) - self._next

    def _is_due(self, now_s: float) -> bool:
        return self._next < len(self._offers) and self._offers[self._next].due_s <= now_s
