"""The answer about the node itself."""

from node.chain import Chain
from node.events import place_of
from node.presence import Stall
from node.producer_names import producer_name
from node.query.answers import SilentProducer, StallAnswer, StatusAnswer
from node.query.chain_view import Finality, view_at
from node.services import Services
from node.version import VERSION


def status(services: Services) -> StatusAnswer:
    """The node and its chain now; call it in the node's trio thread."""
    chain, health, now_ms = services.chain, services.health(), services.now_ms()
    head, final = chain.fork.head, view_at(chain, Finality.FINAL).block
    return StatusAnswer(
        chain=chain.id,
        network=chain.constants.network,
        release=VERSION,
        node_id=services.network.id,
        p2p_port=services.network.listen_port,
        genesis_time_ms=chain.constants.genesis_time_ms,
        slot_ms=chain.constants.slot_ms,
        epoch_slots=chain.constants.epoch_slots,
        time_ms=now_ms,
        slot=chain.clock.slot_at(now_ms),
        head=place_of(head),
        justified=place_of(chain.fork.justified),
        final=place_of(final),
        finality_lag_slots=head.slot - final.slot,
        missed_slots=head.slot - head.height,
        mempool_transactions=len(services.mempool),
        mempool_bytes=services.mempool.size_bytes,
        peers=len(services.network.peers()),
        seats=tuple(services.seats),
        ready=health.ready,
        reasons=health.reasons,
        syncing=health.syncing,
        clock_offset_ms=health.clock_offset_ms,
        stall=None if health.stall is None else stall_answer(chain, health.stall),
        signing=health.signing,
        first_block=chain.blocks.first_height(),
        sync=health.progress,
    )


def stall_answer(chain: Chain, stall: Stall) -> StallAnswer:
    """The stall with its producers' names in the head's state."""
    state = chain.state_of(chain.fork.head)
    silent = (SilentProducer(each, producer_name(state, each)) for each in stall.silent)
    return StallAnswer(stall.slots, stall.quorum, stall.members, tuple(silent))
