"""`reelect light watch`: final blocks, and a row, as they are proved."""

import sys

import trio

from consensus.kinds import JsonObject
from node.commands import light_asked
from node.commands.arguments import JsonFlag
from node.commands.light_forms import print_sections, row_form, row_sections
from node.commands.light_options import NO_OPTIONS, LightOptions, Session, open_session
from node.commands.light_query import final_of
from node.failure import Failure, TimedOut, Unreachable, Usage
from node.light.client import LightClient, Proved
from node.light.questions import AskFinal, AskRows, Question
from node.output import print_json, print_line, warn

MAX_POLL_S = 1.0


async def watch(
    table: str | None = None,
    /,
    *key: str,
    for_blocks: int | None = None,
    options: LightOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Print each new final block as it is proved, until Ctrl-C; with --json one document a line.

    Parameters
    ----------
    table
        Print also a row of this table: at first, and whenever it changes.
    key
        All parts of the row's key, in order.
    for_blocks
        End after so many final blocks.
    """
    if for_blocks is not None and for_blocks < 1:
        raise Usage("at least 1 is expected", field="--for-blocks")
    row = None if table is None else light_asked.row_key(table, key)
    session = open_session(options)
    async with session.client() as client:
        await Watch(session, client, row, as_json=json).run(for_blocks)


class Watch:
    """Shows final blocks, and a row whenever it changes."""

    def __init__(
        self, session: Session, client: LightClient, row: bytes | None, *, as_json: bool
    ) -> None:
        self._session = session
        self._client = client
        self._row = row
        self._as_json = as_json
        self._value: list[bytes | None] = []  # of the row, once it was shown
        self._first: int | None = None
        self._last = -1

    async def run(self, for_blocks: int | None) -> None:
        """Until so many blocks were final, or for ever."""
        question: Question = AskFinal() if self._row is None else AskRows((self._row,))
        poll_s = min(MAX_POLL_S, self._session.saved.state.terms.slot_ms / 4000)
        troubled = False
        while for_blocks is None or self._first is None or self._last - self._first < for_blocks:
            try:
                self._show(await self._client.ask(question))
                sys.stdout.flush()
                troubled = False
            except Failure as failure:
                if self._first is None or not _may_pass(failure):
                    raise
                if not troubled:
                    warn(f"{failure}; going on")
                troubled = True
            await trio.sleep(poll_s)

    def _show(self, proved: Proved) -> None:
        height = proved.state.final.height
        if height <= self._last:
            return
        if self._first is None:
            self._first = height - 1
        self._last = height
        self._session.keep(proved)
        final = final_of(self._session, proved)
        shown: JsonObject = {"final": final}
        changed = False
        if self._row is not None and [proved.facts.rows[self._row]] != self._value:
            self._value = [proved.facts.rows[self._row]]
            shown["row"] = row_form(self._row, self._value[0])
            changed = True
        if self._as_json:
            print_json(shown)
            return
        print_line(f"final {height}  slot {final['slot']}  {final['time']}  {final['block']}")
        if changed and self._row is not None:
            print_sections(row_sections(row_form(self._row, self._value[0])))


def _may_pass(failure: Failure) -> bool:
    return isinstance(failure, Unreachable | TimedOut) or failure.code == "behind"
