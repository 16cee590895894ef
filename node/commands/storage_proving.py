"""Answering challenges: segments from the node, checked, signed with the account's key and sent."""

import sys
from dataclasses import dataclass, field

from trio import sleep

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.segments import verify_segment
from consensus.transaction import MAX_TRANSACTION_BYTES
from node.client import Client
from node.commands.sending import SendOptions, send
from node.failure import Failure, Refused, Usage
from node.output import live_line, progress, warn
from node.query.chain_view import Finality
from node.query.possession_queries import PledgeItem
from vm.modules.possession import Prove, Root

ROOM_BYTES = MAX_TRANSACTION_BYTES * 3 // 4  # for answers, in one transaction
MAX_ANSWERS = 8


async def hash_on_node(client: Client, cid: Cid) -> tuple[int, bytes]:
    """Size and segment root of a file that the node stores, which it computes step by step."""
    while (hashed := await client.hash_segments(cid)).root is None:
        live_line(f"{hashed.size_bytes} bytes hashed")
    progress("")
    return hashed.size_bytes, hashed.root


async def right_root(client: Client, cid: Cid, registered: Root) -> None:
    """Raise Refused unless what the node stores has the registered segment root."""
    size, found = await hash_on_node(client, cid)
    if (size, found) != (registered.size_bytes, registered.root):
        raise Refused(
            f"the registered segment root of {cid} is false: the content has {found.hex()} and "
            f"{size} bytes. Do not pledge for it; a proposal (possession.correct) puts it right",
            field="CID",
            code="false-root",
        )


@dataclass(slots=True)
class Answering:
    """Answers the challenges of one account; `answered` are those that were (video, number)."""

    client: Client
    options: SendOptions
    as_json: bool
    answered: set[tuple[Cid, int]] = field(default_factory=set)

    async def once(self) -> bool:
        """Answer what is open, the most urgent first and as many as one transaction holds; whether
        there was anything. What cannot be answered holds up nothing else: it is raised at last."""
        actions: list[Prove] = []
        failure: Failure | Invalid | None = None
        room = ROOM_BYTES
        for item in await self._open():
            try:
                action = await self._prove(item)
            except (Failure, Invalid) as error:
                failure = failure or error
                continue
            room -= len(action.encode())
            if actions and (room < 0 or len(actions) == MAX_ANSWERS):
                break
            actions.append(action)
        if actions:
            await send(self.client, self.options, actions, as_json=self.as_json)
            self.answered.update((action.cid, action.period) for action in actions)
        if failure is not None:
            raise failure
        return bool(actions)

    async def watch(self, every_s: float) -> None:
        """Answer for ever; what goes wrong is said once, and tried again."""
        said = ""
        while True:
            try:
                await self.once()
                sys.stdout.flush()
                said = ""
            except Usage:
                raise
            except (Failure, Invalid) as error:
                if str(error) != said:
                    said = str(error)
                    warn(f"{said}; going on")
            await sleep(every_s)

    async def _open(self) -> list[PledgeItem]:
        """What is to be answered, the most urgent first."""
        provider = await self.options.sender(self.client)
        answer = await self.client.storage_pledges(provider, finality=Finality.HEAD)
        items = {
            (item.cid, item.pledge.period): item
            for item in answer.items
            if item.pledge.challenge is not None
        }
        self.answered &= items.keys()
        left = [item for key, item in items.items() if key not in self.answered]
        return sorted(left, key=lambda item: item.pledge.due_height)

    async def _prove(self, item: PledgeItem) -> Prove:
        """The answer to a challenge; raises Refused for a false root, InvalidProof for a node that
        gives other segments than were asked for."""
        await right_root(self.client, item.cid, item.root)
        proofs = await self.client.segments(item.cid, item.segments)
        for index, proof in zip(item.segments, proofs, strict=False):
            verify_segment(item.root.root, item.root.size_bytes, index, proof)
        return Prove(item.cid, item.pledge.period, proofs)
