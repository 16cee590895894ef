"""What a node answers about token funds (K9)."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.fund import Fund, Member, Proposal


@part
class FundItem(Record):
    """A fund, whether it takes contributions now, and what its members may claim together."""

    fund: Counter
    gathering: bool
    unclaimed: Amount
    row: Fund


@part
class FundAnswer(Record):
    """A fund."""

    item: FundItem
    at: Place


@part
class FundsAnswer(Record):
    """A page of funds, by number."""

    items: Annotated[tuple[FundItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class FundMemberItem(Record):
    """A member: what it may claim now, and what leaving would bring it beside."""

    account: AccountId
    claimable: Amount
    liquid: Amount
    row: Member


@part
class FundMembersAnswer(Record):
    """A page of a fund's members, by account."""

    items: Annotated[tuple[FundMemberItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class FundProposalItem(Record):
    """A fund's proposal, and whether it would pass with the votes that it has."""

    proposal: Counter
    passes: bool
    row: Proposal


@part
class FundProposalsAnswer(Record):
    """A page of a fund's proposals, by number: those that are open or were so lately."""

    items: Annotated[tuple[FundProposalItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class OwnFundItem(Record):
    """A fund that an account is a member of, and what the account has in it."""

    of: FundItem
    own: FundMemberItem


@part
class OwnFundsAnswer(Record):
    """A page of the funds that an account is a member of, by number."""

    items: Annotated[tuple[OwnFundItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
