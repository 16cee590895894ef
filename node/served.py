"""What nodes serve: all content but what the community has taken down.

That is looked up in the newest final state, by the id that was asked for: whoever knows the ids of
the blocks below a file's root can still ask for these, which other files may share.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from consensus.cid import Cid
from consensus.errors import Invalid
from node.chain import Chain
from vm.modules.content import TAKEN_DOWN
from vm.view import View

# A content block from this node or its peers; None if nobody has it.
Fetch: TypeAlias = Callable[[Cid], Awaitable[bytes | None]]


class ContentTakenDown(Invalid):
    """Content that nodes do not serve any more; the message says why."""

    code = "taken-down"


def check_served(view: View, cid: Cid) -> None:
    """Raise ContentTakenDown if this state says that nodes do not serve a content id."""
    row = TAKEN_DOWN.get(view, cid)
    if row is not None:
        raise ContentTakenDown(f"{cid} was taken down at height {row.height}: {row.reason}")


def served_only(chain: Chain, fetch: Fetch) -> Fetch:
    """The same, which raises ContentTakenDown instead of fetching what is not served."""

    async def fetch_served(cid: Cid) -> bytes | None:
        check_served(chain.state.view(), cid)
        return await fetch(cid)

    return fetch_served
