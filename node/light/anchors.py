"""A checkpoint's anchor, from the first node that has it."""

import re
from collections.abc import Callable, Sequence

import trio

from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidEncoding, InvalidProof
from consensus.light import LightAnchor, anchor_state
from consensus.light_answer import decode_anchor
from node.failure import Failure, ProofFailed, TimedOut, Usage
from node.light.client import Keep, LightNode
from node.light.evidence import LIE, LightEvidence, shortened


def parse_checkpoint(text: str) -> tuple[int, Cid]:
    """The height and id in HEIGHT:ID; raises InvalidEncoding."""
    height, colon, identity = text.partition(":")
    if not colon or not re.fullmatch("0|[1-9][0-9]{0,14}", height, re.ASCII):
        raise InvalidEncoding("HEIGHT:ID is expected, such as 1200:bafyrei…")
    return int(height), parse_cid(identity)


async def find_anchor(
    nodes: Sequence[LightNode],
    height: int,
    block_id: Cid,
    *,
    timeout_s: float,
    report: Callable[[str], None],
    keep: Keep,
) -> LightAnchor:
    """The anchor of the block of this height and id, checked. The nodes are asked in turn, each
    for at most `timeout_s` seconds; raises what kept the last one from answering, ProofFailed if
    one gave another anchor, or Usage if height and id are not of one block."""
    failures: list[Failure] = []
    for node in nodes:
        found = await _from_node(node, height, block_id, timeout_s, keep)
        if isinstance(found, LightAnchor):
            for failure in failures:
                report(str(failure))
            return found
        failures.append(found)
    worst = next((each for each in failures if isinstance(each, ProofFailed)), failures[-1])
    for failure in failures:
        if failure is not worst:
            report(str(failure))
    raise worst


async def _from_node(
    node: LightNode, height: int, block_id: Cid, timeout_s: float, keep: Keep
) -> LightAnchor | Failure:
    data = b""
    try:
        with trio.fail_after(timeout_s):
            data = await node.light(f"anchors/{block_id}", {})
        anchor = decode_anchor(data)
        _check_height(anchor, height, block_id)
        anchor_state(anchor, height, block_id)
    except InvalidProof as error:
        return _lie(node, block_id, error, data, keep)
    except trio.TooSlowError:
        return TimedOut(f"the node at {node.base_url} does not answer in time")
    except Usage:
        raise
    except Failure as error:
        return error
    return anchor


def _check_height(anchor: LightAnchor, height: int, block_id: Cid) -> None:
    header = anchor.header
    if header.id() == block_id and header.height != height:
        raise Usage(f"the block of this id has height {header.height}", field="--checkpoint")


def _lie(
    node: LightNode, block_id: Cid, error: InvalidProof, data: bytes, keep: Keep
) -> ProofFailed:
    evidence = LightEvidence(
        node=shortened(node.base_url),
        asked=shortened(f"anchors/{block_id}"),
        failed=shortened(str(error)),
        state=None,
        newest=None,
        answer=data,
    )
    path = keep(LIE, evidence)
    return ProofFailed(
        f"{error.message}; the answer of {node.base_url} proves nothing and is in {path}",
        field=error.field,
        code=error.code,
    )
