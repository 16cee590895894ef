"""The load of a soak: accounts that send transfers to any node, and care for them until they are
final, as wallets do."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import trio

from consensus.keys import KeyPair
from consensus.transaction import Transaction, transaction_id
from node.client import Client
from node.failure import Failure, Refused
from node.local.setup import LocalChain
from node.mempool import MAX_PER_SENDER
from tests.soak.fleet import Fleet
from vm.modules.tokens import Transfer

ASSET = "REEL"
AMOUNT = 1_000
MAX_FEE = 10_000_000
FOR_EVER = 10**12  # height
RECEIVERS = 50
# Fewer than a mempool takes of one sender, so that a node a little behind takes them too.
MAX_WAITING = MAX_PER_SENDER * 3 // 4
CARE_S = 2.0
PATIENCE_S = 10.0


@dataclass
class Sent:
    """A signed transfer, and what became of it so far; times are time.monotonic's."""

    nonce: int
    raw: bytes
    tried_at: float
    is_accepted: bool = False

    @property
    def id(self) -> bytes:
        """The transaction's."""
        return transaction_id(self.raw)


class Wallet:
    """An account's own book: each nonce is signed for once."""

    def __init__(self, chain: bytes, key: KeyPair) -> None:
        self.account = key.public
        self.waiting: dict[int, Sent] = {}
        self.sent = 0
        self.final = 0
        self._chain = chain
        self._key = key

    def sign(self, to: bytes) -> Sent:
        """The account's next transfer."""
        made = Transaction(
            chain=self._chain,
            sender=self.account,
            payer=None,
            nonce=self.sent,
            valid_until_height=FOR_EVER,
            fee_asset=ASSET,
            max_fee=MAX_FEE,
            actions=(Transfer(to, ASSET, AMOUNT, "").pack(),),
            signatures=(),
        )
        sent = Sent(self.sent, made.signed(self._key).encode(), time.monotonic())
        self.waiting[self.sent] = sent
        self.sent += 1
        return sent

    def settle(self, final: int) -> None:
        """Note that so many of its transactions are final; some nodes know of fewer."""
        for nonce in range(self.final, final):
            del self.waiting[nonce]
        self.final = max(self.final, final)


@dataclass
class Counts:
    """What happened to transactions on their way: those `held_back` were not made as too many
    waited, the `unanswered` got no answer from a node; `resent` are those that a node did not
    know any more, of which it or another had accepted some (`forgotten`)."""

    held_back: int = 0
    unanswered: int = 0
    resent: int = 0
    forgotten: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def note(self, failure: Failure) -> None:
        """Count what a node or nobody said to a question."""
        if isinstance(failure, Refused):
            self.refused[failure.code] = self.refused.get(failure.code, 0) + 1
        else:
            self.unanswered += 1


async def submit(client: Client, sent: Sent, counts: Counts) -> None:
    """Send a transfer to a node."""
    try:
        await client.submit(sent.raw)
    except Failure as failure:
        counts.note(failure)
    else:
        sent.is_accepted = True


async def resend(client: Client, waiting: Sequence[Sent], counts: Counts) -> None:
    """Send again what a node does not know, in the order of nonces, once the first has waited
    for too long. Raises Failure."""
    if not waiting or time.monotonic() - waiting[0].tried_at < PATIENCE_S:
        return
    for sent in waiting:
        sent.tried_at = time.monotonic()
        if await client.transaction(sent.id) is None:
            counts.resent += 1
            counts.forgotten += sent.is_accepted
            await submit(client, sent, counts)


class Load:
    """All accounts of a local network, sending `per_s` transfers a second together."""

    def __init__(
        self, fleet: Fleet, chain: LocalChain, per_s: float, chance: random.Random
    ) -> None:
        self.wallets = [
            Wallet(chain.genesis.chain, chain.accounts.key(account))
            for account in chain.accounts.accounts
        ]
        self.receivers = [
            KeyPair.from_seed(number.to_bytes(32, "big")).public for number in range(RECEIVERS)
        ]
        self.counts = Counts()
        self._fleet = fleet
        self._gap_s = len(self.wallets) / per_s
        self._chance = chance

    async def send(self) -> None:
        """Send until cancelled."""
        async with trio.open_nursery() as nursery:
            for wallet in self.wallets:
                nursery.start_soon(self._send_from, wallet)

    async def _send_from(self, wallet: Wallet) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self._chance.expovariate(1 / self._gap_s))
                if len(wallet.waiting) >= MAX_WAITING:
                    self.counts.held_back += 1
                    continue
                sent = wallet.sign(self._chance.choice(self.receivers))
                nursery.start_soon(self._submit, sent)

    async def care(self) -> None:
        """Note what is final, and send again what got lost, until cancelled."""
        async with trio.open_nursery() as nursery:
            for wallet in self.wallets:
                nursery.start_soon(self._care_for, wallet)

    async def _care_for(self, wallet: Wallet) -> None:
        while True:
            await trio.sleep(CARE_S)
            member = self._fleet.one(self._chance)
            if member is None or not wallet.waiting:
                continue
            try:
                wallet.settle((await member.client.account(wallet.account)).nonce)
                await resend(member.client, list(wallet.waiting.values()), self.counts)
            except Failure as failure:
                self.counts.note(failure)

    async def _submit(self, sent: Sent) -> None:
        member = self._fleet.one(self._chance)
        if member is not None:
            await submit(member.client, sent, self.counts)

    # How it went

    @property
    def sent(self) -> int:
        """Transfers signed and sent."""
        return sum(wallet.sent for wallet in self.wallets)

    @property
    def final(self) -> int:
        """Those that are final."""
        return sum(wallet.final for wallet in self.wallets)

    @property
    def waiting(self) -> list[Sent]:
        """Those that are not."""
        return [sent for wallet in self.wallets for sent in wallet.waiting.values()]

    async def lost(self) -> int:
        """How many of those that a node accepted no node knows any more."""
        count = 0
        for sent in self.waiting:
            known = await self._fleet.ask(partial(Client.transaction, transaction_id=sent.id))
            count += sent.is_accepted and not any(known.values())
        return count

    async def received(self, client: Client) -> int:
        """What all receivers have in the final state of a node, in transfers."""
        total = 0
        for receiver in self.receivers:
            answer = await client.account(receiver)
            total += sum(each.amount for each in answer.balances if each.asset == ASSET)
        return total // AMOUNT
