"""Answers about token funds. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.fund_answers import (
    FundAnswer,
    FundItem,
    FundMemberItem,
    FundMembersAnswer,
    FundProposalItem,
    FundProposalsAnswer,
    FundsAnswer,
    OwnFundItem,
    OwnFundsAnswer,
)
from node.query.state_queries import scan
from vm.modules.fund import (
    FUNDS,
    JOINED,
    MEMBERS,
    PROPOSALS,
    UNKNOWN_FUND,
    Fund,
    Member,
    Proposal,
    claimable,
    fund_row,
    member_row,
    passes,
)


def funds(view: ChainView, limit: int, cursor: str | None) -> FundsAnswer:
    """All funds; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, FUNDS.prefix(), limit, cursor)
    items = tuple(
        _fund_item(view, cast(int, FUNDS.key_parts(key)[0]), Fund.decode(value))
        for key, value in found
    )
    return FundsAnswer(items, following, place_of(view.block))


def fund(view: ChainView, number: int) -> FundAnswer:
    """A fund; raises NotFound."""
    return FundAnswer(_fund_item(view, number, _fund(view, number)), place_of(view.block))


def members(view: ChainView, number: int, limit: int, cursor: str | None) -> FundMembersAnswer:
    """The members of a fund; raises NotFound, InvalidEncoding (`cursor`)."""
    of = _fund(view, number)
    found, following = scan(view, MEMBERS.prefix(number), limit, cursor)
    items = tuple(
        _member_item(of, cast(bytes, MEMBERS.key_parts(key)[1]), Member.decode(value))
        for key, value in found
    )
    return FundMembersAnswer(items, following, place_of(view.block))


def proposals(view: ChainView, number: int, limit: int, cursor: str | None) -> FundProposalsAnswer:
    """The proposals of a fund; raises NotFound, InvalidEncoding (`cursor`)."""
    quorum = _fund(view, number).terms.quorum
    found, following = scan(view, PROPOSALS.prefix(number), limit, cursor)
    rows = [
        (cast(int, PROPOSALS.key_parts(key)[1]), Proposal.decode(value)) for key, value in found
    ]
    items = tuple(FundProposalItem(each, passes(row, quorum), row) for each, row in rows)
    return FundProposalsAnswer(items, following, place_of(view.block))


def funds_of(view: ChainView, account: bytes, limit: int, cursor: str | None) -> OwnFundsAnswer:
    """The funds that an account is a member of; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, JOINED.prefix(account), limit, cursor)
    items = list[OwnFundItem]()
    for key, _ in found:
        number = cast(int, JOINED.key_parts(key)[1])
        row = fund_row(view.state, number)
        own = _member_item(row, account, member_row(view.state, number, account))
        items.append(OwnFundItem(_fund_item(view, number, row), own))
    return OwnFundsAnswer(tuple(items), following, place_of(view.block))


def _fund(view: ChainView, number: int) -> Fund:
    row = FUNDS.get(view.state, number)
    if row is None:
        message = f"there is no fund {number}, or it is wound up"
        raise NotFound(message, field="fund", code=UNKNOWN_FUND.code)
    return row


def _fund_item(view: ChainView, number: int, row: Fund) -> FundItem:
    gathering = view.time_ms < row.terms.until_ms
    return FundItem(number, gathering, row.returned - row.claimed, row)


def _member_item(of: Fund, account: bytes, row: Member) -> FundMemberItem:
    liquid = of.part_of(of.liquid, row.shares)
    return FundMemberItem(account, claimable(of, row), liquid, row)
