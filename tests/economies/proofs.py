"""What actions carry that cannot be drawn: signatures, commitments, secrets, places in trees."""

from consensus.cid import RAW, Cid, cid_of
from consensus.hashing import sha256
from consensus.merkle import merkle_root
from consensus.record import replace
from consensus.sealed_key import viewing_key_of
from tests.vm.migrations import EthereumKey
from tests.vm.providers import File
from tests.vm.world import key
from vm.declare import Action
from vm.modules.claims import ClaimHolding, Holding, OpenMigration, claim_text
from vm.modules.content import Claim, Commit, Publish
from vm.modules.possession import Prove
from vm.modules.possession import Register as RegisterRoot
from vm.modules.producer import Register, Rotate, possession_message
from vm.modules.sessions import Accept, Ask, Open, Settle, Ticket
from vm.modules.social import CountViews, SignedView, ViewReceipt
from vm.modules.swaps import Claim as Reveal
from vm.modules.swaps import Lock
from vm.modules.tasks import Entry, MakeAirdrop, Take
from vm.modules.viewing import Buy, Dispute, Grant

SIGNER = key("signer of tickets")
NEW_KEY = key("new key of a producer")
SECRET = b"of a viewing key".ljust(32, b".")
SALT = bytes(32)
BYTE = File(b"x")  # what is pledged for: each content is said to have one byte
SHARE = 1  # what an airdrop has for the one account of its snapshot


HOLDER = EthereumKey("holder of an earlier chain")
HOLDING = Holding(HOLDER.address, SHARE)  # the one of each migration's snapshot
TURNS = 3  # contents that an account may publish


def proved(action: Action, sender: bytes, chain: bytes, turn: int) -> Action:
    """The action as this account would send it on the chain; `turn`: of which content of its own
    it speaks if it publishes."""
    match action:
        case Commit() | Publish():
            return _published(action, sender, cid_of(RAW, sender + bytes([turn])))
        case Open() | Ask() | Accept():
            return _with_key(action)
        case Settle() | CountViews():
            return _signed(action, chain)
        case Buy() | Grant():
            return replace(action, viewing_key=viewing_key_of(SECRET))
        case Dispute() | Reveal():
            return replace(action, secret=SECRET)
        case Lock():
            return replace(action, digest=sha256(SECRET))
        case RegisterRoot() | Prove() | OpenMigration():
            return _in_tree(action)
        case Register() | Rotate() | MakeAirdrop() | Take():
            return _of_sender(action, sender, chain)
        case ClaimHolding():
            return _claimed(action, sender, chain)
    return action


def _with_key(action: Open | Ask | Accept) -> Action:
    """A call whose tickets the one key signs."""
    if isinstance(action, Accept):
        return replace(action, provider_key=SIGNER.public)
    return replace(action, ticket_key=SIGNER.public)


def _in_tree(action: RegisterRoot | Prove | OpenMigration) -> Action:
    """A tree of one leaf."""
    match action:
        case RegisterRoot():
            return replace(action, root=BYTE.root)
        case Prove():
            return replace(action, proofs=tuple(BYTE.prove(0) for _ in action.proofs))
    return replace(action, root=merkle_root([HOLDING.encode()]), holders=1)


def _published(action: Commit | Publish, sender: bytes, cid: Cid) -> Action:
    if isinstance(action, Commit):
        return Commit(Claim(sender, cid, SALT).commitment)
    return replace(action, cid=cid, salt=SALT, size_bytes=1, replaces=None, parent=None)


def _of_sender(
    action: Register | Rotate | MakeAirdrop | Take, sender: bytes, chain: bytes
) -> Action:
    """A key that the sender has; a snapshot of the sender alone."""
    match action:
        case MakeAirdrop():
            return replace(action, root=merkle_root([Entry(sender, SHARE).encode()]), size=1)
        case Take():
            return replace(action, units=SHARE, place=0, proof=())
    signature = NEW_KEY.sign(possession_message(chain, sender, NEW_KEY.public))
    return replace(action, key=NEW_KEY.public, key_signature=signature)


def _claimed(action: ClaimHolding, sender: bytes, chain: bytes) -> ClaimHolding:
    """The claim of a migration's one holder."""
    signature = HOLDER.sign(claim_text(chain, action.migration, sender))
    return ClaimHolding(action.migration, HOLDER.address, SHARE, 0, (), sender, signature)


def _signed_view(view: SignedView, chain: bytes) -> SignedView:
    receipt = ViewReceipt(chain, view.video, view.viewer, view.day)
    return replace(view, key=SIGNER.public, signature=SIGNER.sign(receipt.encode()))


def _signed(action: Settle | CountViews, chain: bytes) -> Action:
    """View receipts that their viewer has signed; a ticket that the caller has, and the provider
    too if it is to be."""
    if isinstance(action, CountViews):
        return CountViews(tuple(_signed_view(view, chain) for view in action.views))
    ticket = Ticket(chain, action.session, action.seconds, action.is_last)
    signature = SIGNER.sign(ticket.encode())
    both = None if action.provider_signature is None else signature
    return replace(action, caller_signature=signature, provider_signature=both)
