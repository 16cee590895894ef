"""Attestations: attesters say of accounts that a person of their own stands behind each, so that
what is paid by heads cannot be had by many accounts (ECONOMIES §0, Sybils).

No personal data is on chain: an attester keeps them, and commits to them by a salted hash.
"""

from consensus.address import format_address
from consensus.kinds import AccountId, Counter, Digest
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.account.tables import account
from vm.table import Table
from vm.view import State, View


@record("account.attester")
class Attester(Record):
    """An account that may attest others."""


@record("account.attestation")
class Attestation(Record):
    """Who attests an account, the salted hash of what the attester saw, and when (ms from the Unix
    epoch). It counts while the attester is one."""

    attester: AccountId
    commitment: Digest
    time_ms: Counter


ATTESTERS: Table[Attester, bytes] = account.table(Attester, account=AccountId)
ATTESTATIONS: Table[Attestation, bytes] = account.table(Attestation, account=AccountId)

NO_ATTESTER = account.error("not-attester", "The account is no attester.")
IS_ATTESTER = account.error("already-attester", "The account is an attester already.")
ATTESTED = account.error("already-attested", "The account is attested already.")
NOT_ATTESTED = account.error("not-attested", "The account has no attestation.")
OTHER_ATTESTER = account.error("other-attester", "Another attester has attested the account.")


@account.event
@record("account.attested")
class Attested(Record):
    """An attester has attested an account."""

    account: AccountId
    attester: AccountId


@account.event
@record("account.attestation_revoked")
class AttestationRevoked(Record):
    """An account's attestation has ended, by its attester or by a proposal."""

    account: AccountId
    by: AccountId


@account.event
@record("account.attester_set")
class AttesterSet(Record):
    """An account has become an attester, or is none any more."""

    account: AccountId
    attests: bool


@account.action(gas=5_000, free=True)
@record("account.attest")
class Attest(Action):
    """As an attester, say that a person of its own stands behind an account. `commitment` is a
    salted hash of what shows it. An account has one attestation at a time; one of an attester that
    is none any more gives way."""

    account: AccountId
    commitment: Digest

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if ATTESTERS.get(state, sender) is None:
            raise NO_ATTESTER.failed()
        if is_attested(state, self.account):
            raise ATTESTED.failed(field="account")
        made = Attestation(sender, self.commitment, context.block.time_ms)
        ATTESTATIONS.put(state, made, self.account)
        context.emit(Attested(self.account, sender))


@account.action(gas=4_000)
@record("account.revoke_attestation")
class RevokeAttestation(Action):
    """End an attestation that the sender made."""

    account: AccountId

    def apply(self, context: Context) -> None:
        if _attestation(context, self.account).attester != context.sender:
            raise OTHER_ATTESTER.failed(field="account")
        _revoke(context, self.account)


@account.action(gas=4_000, governed=True)
@record("account.annul_attestation")
class AnnulAttestation(Action):
    """End an account's attestation, whoever made it."""

    account: AccountId

    def in_words(self) -> str:
        return f"end the attestation of {format_address(self.account)}"

    def apply(self, context: Context) -> None:
        _attestation(context, self.account)
        _revoke(context, self.account)


@account.action(gas=4_000, governed=True)
@record("account.set_attester")
class SetAttester(Action):
    """Let an account attest others, or no longer: then its attestations count no more, and others
    may attest their accounts."""

    account: AccountId
    attests: bool

    def in_words(self) -> str:
        may = "attest accounts" if self.attests else "attest accounts no longer"
        return f"let {format_address(self.account)} {may}"

    def apply(self, context: Context) -> None:
        is_one = ATTESTERS.get(context.state, self.account) is not None
        if is_one and self.attests:
            raise IS_ATTESTER.failed(field="account")
        if not is_one and not self.attests:
            raise NO_ATTESTER.failed(field="account")
        if self.attests:
            let_attest(context.state, self.account)
        else:
            ATTESTERS.delete(context.state, self.account)
        context.emit(AttesterSet(self.account, self.attests))


def let_attest(state: State, account_id: bytes) -> None:
    """Make an account an attester."""
    ATTESTERS.put(state, Attester(), account_id)


def is_attester(view: View, account_id: bytes) -> bool:
    """Whether the account may attest others."""
    return ATTESTERS.get(view, account_id) is not None


def attester_of(view: View, account_id: bytes) -> bytes | None:
    """Who attests an account, if somebody does whose word counts."""
    row = ATTESTATIONS.get(view, account_id)
    if row is None or ATTESTERS.get(view, row.attester) is None:
        return None
    return row.attester


def is_attested(view: View, account_id: bytes) -> bool:
    """Whether the account counts as a person's own."""
    return attester_of(view, account_id) is not None


def _attestation(context: Context, account_id: bytes) -> Attestation:
    row = ATTESTATIONS.get(context.state, account_id)
    if row is None:
        raise NOT_ATTESTED.failed(field="account")
    return row


def _revoke(context: Context, account_id: bytes) -> None:
    ATTESTATIONS.delete(context.state, account_id)
    context.emit(AttestationRevoked(account_id, context.sender))
