"""A new chain that begins with the last state of another, for a community that has lost its quorum
for good.

All rows are kept but those that belong to the old chain alone: where it was, when it began, and
who produced its blocks. Old producers keep their accounts and what these hold; to produce again
they bring a new record. Who was barred for breaking the rules stays barred.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from consensus.errors import Invalid, InvalidGenesis
from consensus.record import replace
from genesis.build import put_producers
from genesis.file import MAX_GENESIS_ROWS, Genesis, make_genesis
from genesis.producer_record import ProducerRecord
from vm.modules.account import authority_of
from vm.modules.chain import CONSTANTS, FIRST_PROGRESS, PROGRESS, chain_constants
from vm.modules.content import forget_commitments
from vm.modules.economy import go_on_from
from vm.modules.gov import ROLL
from vm.modules.possession import begin_anew
from vm.modules.producer import (
    ATTENDANCE,
    BEACONS,
    KEYS,
    OFFENCES,
    PRODUCERS,
    SUSPENSIONS,
    WATCH,
    appoint,
    dismiss,
)
from vm.modules.producer.appointment import BY_APPOINTMENT
from vm.modules.sessions import draw_anew
from vm.overlay import EmptyView, Overlay


def genesis_from_state(
    rows: Iterable[tuple[bytes, bytes]],
    producers: Sequence[ProducerRecord],
    genesis_time_ms: int,
    *,
    network: str | None = None,
) -> Genesis:
    """The genesis of a chain that begins with these rows of another chain's state and has these
    producers; it is another chain, also under the same `network` name.

    `genesis_time_ms` is the start of slot 0 from the Unix epoch. Raises InvalidGenesis naming
    what cannot be.
    """
    state = _state_of(rows)
    try:
        constants = chain_constants(state)
        name = constants.network if network is None else network
        CONSTANTS.put(state, replace(constants, network=name, genesis_time_ms=genesis_time_ms))
        PROGRESS.put(state, FIRST_PROGRESS)
        go_on_from(state, genesis_time_ms)
        _check_new(state, producers)
        _dismiss_producers(state)
        put_producers(state, producers)
        if BY_APPOINTMENT.read(state):
            for item in producers:
                appoint(state, item.producer)
        _begin_memberships(state)
        forget_commitments(state)
        begin_anew(state)
        draw_anew(state)
    except Invalid as error:
        raise InvalidGenesis(error.message, field=error.field) from None
    return make_genesis(state)


def _state_of(rows: Iterable[tuple[bytes, bytes]]) -> Overlay:
    state, pending = Overlay(EmptyView()), iter(rows)
    for key, value in islice(pending, MAX_GENESIS_ROWS):
        state.put(key, value)
    if more := sum(1 for _ in pending):
        raise InvalidGenesis(
            f"the state has {MAX_GENESIS_ROWS + more} rows; a genesis file holds at most "
            f"{MAX_GENESIS_ROWS}",
            field="rows",
        )
    return state


def _shown_reveals(state: Overlay) -> frozenset[bytes]:
    """The ends of the chains of reveals that the old chain knows."""
    chains = [
        commitment
        for _, row in BEACONS.every(state)
        for commitment in (row.chain, row.following)
        if commitment is not None
    ]
    return frozenset(commitment.end for commitment in chains)


def _check_new(state: Overlay, producers: Sequence[ProducerRecord]) -> None:
    """Raise InvalidGenesis for a producer that may not be one, whose record is signed by a key that
    acts for its account no more, or whose reveals are known."""
    shown = _shown_reveals(state)
    for i, item in enumerate(producers):
        if OFFENCES.get(state, item.producer) is not None:
            raise InvalidGenesis("barred for breaking the rules", field=f"producers[{i}].producer")
        if not authority_of(state, item.producer).is_met_by({item.producer}):
            raise InvalidGenesis(
                "the account has changed its keys: its first key, which signed the record, acts "
                "for it no longer; it can register on the new chain",
                field=f"producers[{i}].account_signature",
            )
        if item.commitment.end in shown:
            raise InvalidGenesis(
                "this chain of reveals was used on the old chain, where others can read it: a new "
                "record is needed, which `reelect init` makes",
                field=f"producers[{i}].commitment",
            )


def _begin_memberships(state: Overlay) -> None:
    """Members of bodies are members from the first block on: heights begin anew."""
    for (name, account), member in list(ROLL.every(state)):
        ROLL.put(state, replace(member, height=0), name, account)


def _dismiss_producers(state: Overlay) -> None:
    """Delete what makes accounts producers, but of those that are barred, who must stay known."""
    barred = {account for (account,), _ in OFFENCES.every(state)}
    for (key,), owner in list(KEYS.every(state)):
        if owner.producer not in barred:
            KEYS.delete(state, key)
    WATCH.delete(state)
    for table in (ATTENDANCE, SUSPENSIONS):
        for (account,), _ in list(table.every(state)):
            table.delete(state, account)
    for (account,), _ in list(PRODUCERS.every(state)):
        if account not in barred:
            PRODUCERS.delete(state, account)
            BEACONS.delete(state, account)
            dismiss(state, account)
