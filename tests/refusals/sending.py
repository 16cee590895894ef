"""Actions sent in transactions, whose fee somebody else pays."""

from consensus.codec import Wire
from consensus.record import replace
from consensus.transaction import Authorization, EncodedTransaction, Transaction
from tests.economies.chain import Chain
from tests.refusals.story import Story
from tests.vm.world import key
from vm.declare import Action
from vm.modules.account import authorities_of, most_of, next_nonce
from vm.modules.chain import chain_constants
from vm.modules.tokens import Transfer, credit
from vm.overlay import Overlay
from vm.transition import BlockExecution
from vm.view import View

PAYER = key("payer of fees").public
FUNDS = 10**15
UNSIGNED = bytes(64)  # signatures are verified before blocks are run
# What nobody can pay.
IMPOSSIBLE = Transfer(key("nobody").public, "REEL", 2**64 - 1, "")


def order(view: View, chain: Chain, sender: bytes, action: list[Wire]) -> Transaction:
    """A transaction of this action that all have signed who must."""
    draft = Transaction(
        chain=chain.begun.genesis.chain,
        sender=sender,
        payer=PAYER,
        nonce=next_nonce(view, sender),
        valid_until_height=2**53 - 1,
        fee_asset=chain_constants(view).native_asset,
        max_fee=FUNDS,
        actions=(action,),
        signatures=(),
    )
    keys = sorted(most_of(authorities_of(view, draft)))
    return replace(draft, signatures=tuple(Authorization(key, UNSIGNED) for key in keys))


def sent(story: Story, sender: bytes, action: Action) -> tuple[str, dict[bytes, bytes | None]]:
    """What becomes of the action in place of the story's last step, and what its block writes."""
    chain = story.chain()
    chain.begin_block(story.last.slot, story.last.height)
    state = Overlay(chain.state)
    credit(state, PAYER, chain_constants(state).native_asset, FUNDS)
    execution = BlockExecution(Overlay(state), chain.block())
    execution.begin()
    transaction = order(state, chain, sender, action.pack())
    receipt = execution.apply(EncodedTransaction.of(transaction))
    return receipt.status, dict(execution.finish().writes)
