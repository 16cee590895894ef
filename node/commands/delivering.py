"""`reelect video deliver`: the keys of an owner's videos go to those who have paid for them."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import trio
from cyclopts import Parameter

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidEncoding
from consensus.kinds import JsonObject
from node.client import Client, Until
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import find_account
from node.commands.sealing import Reader, open_reader, sealing_for
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_receipt, draft
from node.failure import ProofFailed, Refused, TimedOut, Unreachable, Usage
from node.output import print_json, print_line, warn
from node.query.viewing_answers import PurchaseItem
from node.wallet.viewing import seal_key
from vm.modules.viewing import Deliver, viewing

DELIVERIES_AT_ONCE = 16  # in a transaction
_REFUSALS = {error.code for error in viewing.errors}  # of one delivery, which is no other's


async def deliver(
    cid: str | None = None,
    *,
    owner: str | None = None,
    watch: Annotated[bool, Parameter(negative=())] = False,
    pause_s: float = 5.0,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Deliver the keys to all who have bought videos of yours and wait. With --watch go on doing
    so until Ctrl-C, printing each delivery as it is final; with --json then one document a line.

    Parameters
    ----------
    cid
        Only those of this video.
    owner
        The owner, by address, @handle or name, who has appointed the account that sends; else
        that account itself.
    watch
        Go on until Ctrl-C.
    pause_s
        Seconds between two looks.
    """
    video = None if cid is None else argument("CID", parse_cid, cid)
    if options.dry_run or options.unsigned is not None:
        raise Usage("deliveries are sent at once", field="--dry-run")
    async with options.client() as client:
        sender = await options.sender(client)
        of = sender
        if owner is not None:
            of = await find_account(client, options.section, owner, "--owner")
        reader = await open_reader(client, options.wallet, sender)
        service = Deliveries(client, options, reader, of, video)
        if watch:
            await service.go_on(pause_s, print_json if json else _print)
        done: list[JsonObject] = []
        await service.round(done.append)
    if json:
        print_json(done)
        return
    for delivery in done:
        _print(delivery)


@dataclass
class Deliveries:
    """Deliveries of an owner's keys, or those of one video, by the reader. What cannot be
    delivered is said once, tried again with each round, and hinders nothing else."""

    client: Client
    options: SendOptions
    reader: Reader
    owner: bytes
    video: Cid | None
    keys: dict[Cid, bytes] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    async def go_on(self, pause_s: float, tell: Callable[[JsonObject], None]) -> None:
        """Deliver until Ctrl-C. A node that does not answer for a while does not end it."""
        while True:
            try:
                await self.round(tell)
            except (Unreachable, TimedOut) as failure:
                warn(f"{failure}; going on")
            sys.stdout.flush()
            await trio.sleep(pause_s)

    async def round(self, tell: Callable[[JsonObject], None]) -> None:
        """Deliver to all who wait, as the node's final block has them, and tell of each."""
        for video in await self._videos():
            purchases = self.client.purchases(video)
            waiting = [item async for item in purchases if item.purchase.seller is None]
            key = await self._key(video) if waiting else None
            if key is None:
                continue
            ready = [made for item in waiting if (made := self._sealed(video, key, item))]
            for first in range(0, len(ready), DELIVERIES_AT_ONCE):
                for delivery in await self._send(ready[first : first + DELIVERIES_AT_ONCE]):
                    tell(delivery)

    async def _videos(self) -> list[Cid]:
        if self.video is not None:
            return [self.video]
        firsts = [item.cid async for item in self.client.videos(self.owner)]
        return [item.cid for cid in firsts async for item in self.client.versions(cid)]

    async def _key(self, video: Cid) -> bytes | None:
        """The video's key; None, which is said, if there is none here."""
        if video not in self.keys:
            try:
                self.keys[video] = (await sealing_for(self.client, self.reader, video)).key
            except (Refused, ProofFailed) as failure:
                self._say(f"{video}: {failure}")
                return None
        return self.keys[video]

    def _sealed(self, video: Cid, key: bytes, item: PurchaseItem) -> Deliver | None:
        try:
            sealed = seal_key(key, item.purchase.viewing_key)
        except InvalidEncoding as error:
            self._say(f"{video} for {format_address(item.buyer)}: {error}")
            return None
        return Deliver(video, item.buyer, sealed)

    async def _send(self, deliveries: Sequence[Deliver]) -> list[JsonObject]:
        """Deliver in one transaction or, if not all can be delivered, in one each."""
        try:
            identity = await self._deliver(deliveries)
        except Refused as failure:
            if failure.code not in _REFUSALS:
                raise
            if len(deliveries) > 1:
                return [made for each in deliveries for made in await self._send([each])]
            buyer = format_address(deliveries[0].buyer)
            self._say(f"{deliveries[0].video} for {buyer}: {failure}")
            return []
        return [
            {
                "video": str(each.video),
                "buyer": format_address(each.buyer),
                "transaction": identity.hex(),
            }
            for each in deliveries
        ]

    async def _deliver(self, deliveries: Sequence[Deliver]) -> bytes:
        """The id of the transaction, once it is final; raises as `sending.send` does."""
        made = await draft(self.client, self.options, deliveries)
        keys = await trio.to_thread.run_sync(self.options.wallet.enough, made.authorities)
        identity = await self.client.submit(made.transaction.signed(*keys).encode())
        answer = await self.client.wait(identity, Until.FINAL, self.options.timeout_s)
        if answer.receipt is not None:
            check_receipt(answer.receipt)
        return identity

    def _say(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            warn(text)


def _print(delivery: JsonObject) -> None:
    print_line(f"{delivery['video']}  {delivery['buyer']}")
