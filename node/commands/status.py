"""`reelect status`: how a node and its chain are."""

from typing import Annotated

import trio
from cyclopts import Parameter

from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.output import live_line, print_fields, print_json
from node.query.answers import StatusAnswer, SyncProgress

POLL_S = 0.5
BAR_CELLS = 30


async def status(
    *,
    watch: Annotated[bool, Parameter(negative=())] = False,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show how a node and its chain are: head, justified and final block, peers, readiness.

    Parameters
    ----------
    watch
        If the node is catching up, show how far it is until it is done, then the rest.
    """
    async with options.client() as client:
        answer = await client.status()
        while watch and answer.sync is not None:
            live_line(_bar(answer.sync))
            await trio.sleep(POLL_S)
            answer = await client.status()
        if watch:
            live_line("")
    if json:
        print_json(answer.to_json())
        return
    print_fields(
        {
            "node": client.base_url,
            "ready": answer.ready or "; ".join(answer.reasons),
            **_troubles(answer),
            "chain": answer.chain.hex(),
            "network": answer.network,
            "slot": _slot(answer),
            "head": f"height {answer.head.height}, slot {answer.head.slot}, {answer.head.id}",
            "justified": f"height {answer.justified.height}, slot {answer.justified.slot}",
            "final": f"height {answer.final.height}, slot {answer.final.slot}, {answer.final.id}",
            **_kept(answer),
            "finality lag": f"{answer.finality_lag_slots} slots",
            "missed slots": answer.missed_slots,
            "waiting transactions": answer.mempool_transactions,
            "peers": answer.peers,
            "producers here": len(answer.seats),
            "clock offset": f"{answer.clock_offset_ms} ms",
            "release": answer.release,
        }
    )


def _bar(sync: SyncProgress) -> str:
    done = int(sync.share * BAR_CELLS)
    return f"[{'#' * done}{'-' * (BAR_CELLS - done)}] {sync.share:.0%}, {sync.sentence}"


def _troubles(answer: StatusAnswer) -> dict[str, str]:
    """What is shown only if there is something to say."""
    found = {}
    if answer.stall is not None:
        found["stall"] = answer.stall.sentence
    if answer.sync is not None:
        found["catching up"] = answer.sync.sentence
    if answer.signing:
        found["signing"] = "; ".join(answer.signing)
    return found


def _kept(answer: StatusAnswer) -> dict[str, str]:
    """What is shown only of a node that has not all blocks."""
    if not answer.first_block:
        return {}
    return {"blocks kept": f"from height {answer.first_block} on, and genesis"}


def _slot(answer: StatusAnswer) -> str:
    """The slot now; below 0 the chain has yet to begin."""
    if answer.slot >= 0:
        return str(answer.slot)
    wait_s = (answer.genesis_time_ms - answer.time_ms) / 1000
    return f"{answer.slot}, the chain begins in {wait_s:.0f} s"
