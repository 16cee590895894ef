"""Why the seats of a node sign nothing, in sentences for whoever runs it."""

from collections.abc import Iterator

from node.engine import Engine
from node.producer_names import producer_name


def why_unsigned(engine: Engine, *, clock_is_off: bool, is_syncing: bool) -> Iterator[str]:
    """The reasons that hold now; none for a node without seats."""
    validator, fork = engine.validator, engine.chain.fork
    if not validator.producers:
        return
    if clock_is_off:
        yield "nothing is signed while the clock is off: set the clock"
    if is_syncing:
        yield "nothing is signed while this node catches up"
    awaited = engine.awaited_final
    if awaited is not None:
        yield (
            "this node's database is older than its signing journal: nothing is signed until "
            f"block {awaited.id} of slot {awaited.slot} is final here again"
        )
    state = engine.chain.state_of(fork.head)
    for producer, slot in validator.forgetful(fork.justified.slot):
        yield (
            f"{producer_name(state, producer)} lost its signing state or signed elsewhere: it "
            f"votes again once the others have justified a block of slot {slot} or later"
        )
