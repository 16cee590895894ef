"""KOL's story (K1 to K9): from a handful of super nodes to an issue that is used up."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from consensus.kinds import JsonObject
from tests.stories.answers import held, in_pot, items, number
from tests.stories.telling import Story, Telling

DAY_S = 1
MONTH_DAYS = 30
WINDOW_S = 5  # of a vote of the super nodes or of the nodes, at least
KOL, USDT = 10**8, 10**6  # units of a whole token
CAP, GENESIS_ISSUE = 21_000_000, 5_000_000
PAY = 1_000  # KOL a month
BOND = 10  # KOL a proposal
HANDBOOK, FILM = 2_000, 16_000_000  # USDT, the fees of two orders
LEFT = CAP - GENESIS_ISSUE - (HANDBOOK - PAY)  # KOL to issue when the first order is paid
SOLD, ASKED = 100, 90  # KOL that are sold for so many USDT
SONG = 100  # KOL, the fee of an order when the issue is used up
SEATS, NODES = 6, 12  # at the beginning; once the admin has nominated some
SUPERS = SEATS + 1  # once the nodes have nominated one
PACKET, SHARES = 9, 3  # KOL in a red packet, and in how many shares
OVER_THE_COUNTER, PAID = 200, 250  # USDT for KOL
CONTRIBUTED = {"dev12": 6_000, "producer-1": 2_900, "dev13": 100}  # KOL, to a fund
INVESTED, RETURNED = 4_500, 1_000  # KOL, as proposed; and what comes back
FUND_BOND = 1  # KOL that a fund holds as long as it is there
GIVEN, TAKEN = 10, 25  # KOL of this chain for REEL of the other


def needed(percent: int, members: int) -> int:
    """How many of a body must agree: votes x 100 >= percent x members, and one at least."""
    return max(1, -(-percent * members // 100))


async def vote(story: Telling, proposal: int, voters: Sequence[str]) -> None:
    """Let these vote yes, at once. As they are just as many as it takes, none comes too late."""
    await story.do(
        f"xargs -n 1 -P 4 reelect gov vote {proposal} yes --wait included --from "
        f"<<< '{' '.join(voters)}' > votes.txt"
    )


async def passed(story: Telling, proposal: int, *stages: tuple[int, int]) -> None:
    """Wait until a proposal is decided: it has passed, each stage (the percentage, the members that
    its body had) by just as many votes as it takes."""
    answer = await story.until(
        f"reelect gov show {proposal}", lambda answer: answer["status"] != "open"
    )
    assert (answer["status"], answer["code"]) == ("passed", "")
    for (percent, members), tally in zip(stages, items(answer, "stages"), strict=True):
        assert (tally["size"], tally["yes"]) == (str(members), str(needed(percent, members)))


async def second_stage(story: Telling, proposal: int) -> None:
    """Wait until the first body's window is over."""
    await story.until(f"reelect gov show {proposal}", lambda answer: number(answer["stage"]) == 1)


async def members(story: Telling, body: str) -> dict[str, int]:
    """The members of a body, and how many votes in a row each has missed."""
    answer = await story.ask(f"reelect member list {body}")
    return {str(each["account"]): number(each["missed"]) for each in items(answer, "members")}


async def terms(story: Telling) -> JsonObject:
    """On which terms orders are placed now."""
    return await story.ask("reelect order terms")


async def shares(story: Telling, order: int) -> dict[str, int]:
    """What each who is listed has got of an order that is paid."""
    answer = await story.until(
        f"reelect order show {order}",
        lambda answer: all(each["paid"] for each in items(answer, "shares")),
    )
    return {str(each["account"]): number(each["units"]) for each in items(answer, "shares")}


async def nodes_are_nominated(story: Telling) -> None:
    """K5."""
    story.chapter(
        "The admin nominates nodes",
        """Six super nodes make the blocks; they, and three alternates, are the first nodes. Nobody
        holds any KOL yet, so that an attester says of each who will vote that a community of its
        own stands behind it: that gives it mana, which pays for votes.""",
    )
    await story.do(
        "for who in admin producer-{0..8} dev8 dev9; do reelect account attest $who --evidence "
        "'leads a community' --from attester --wait included --json > /dev/null; done"
    )
    story.say("The admin may nominate nodes, up to 500 (K5), and no super nodes.")
    await story.do("reelect member admit nodes dev8 dev9 dev10 --from admin")
    await passed(story, 1, (100, 1))
    await story.refused(
        "reelect member admit supers producer-8 --policy creation --from admin", "gov.not-allowed"
    )
    assert len(await members(story, "nodes")) == NODES


async def leaders_are_enlisted(story: Telling) -> None:
    """K1."""
    story.chapter(
        "Leaders are enlisted",
        """Of the genesis issue of 5,000,000 KOL each leader gets 1,000 a month, for ten months
        (K1). 51 % of the super nodes say who is a leader: four of six. A vote is open for its whole
        window, here five seconds, also when it is decided.""",
    )
    await story.do("reelect stipend list")
    await story.do(
        "reelect stipend enlist leaders producer-{0..5} dev8 dev9 dev10 --from producer-0"
    )
    await vote(story, 2, ("producer-1", "producer-2", "producer-3"))
    await passed(story, 2, (51, SEATS))


async def orders_are_placed(story: Telling) -> None:
    """K2."""
    story.chapter(
        "A client orders, in USDT",
        """While the month goes by, `dev11` orders a handbook and a film, and pays for both in
        advance: the whole fee is in escrow (K2).""",
    )
    await story.do("reelect asset issue dev11 16003000 --asset USDT --from gateway")
    await story.do("echo 'What a new community should know' > handbook.txt")
    await story.do("echo 'Ninety minutes, in colour' > film.txt")
    await story.do(
        f"reelect order place 'A handbook' --fee {HANDBOOK} --brief handbook.txt --from dev11"
    )
    await story.do(f"reelect order place 'A film' --fee {FILM} --brief film.txt --from dev11")
    await story.do("reelect order list")
    await story.do("reelect order terms")
    assert await in_pot(story, "orders.escrow", "USDT") == (HANDBOOK + FILM) * USDT
    shown = await terms(story)
    assert shown["paid_in"] == "USDT"
    assert number(shown["issued"]) == GENESIS_ISSUE * KOL


async def a_month_is_assessed(story: Telling) -> None:
    """K1."""
    story.chapter(
        "The month is assessed",
        """The month is over. Who has met its assessment is paid; `dev9` is to be decided on later,
        and the pay of `dev10` is dropped: it is for orders then (K1).""",
    )
    await story.until("reelect stipend show leaders", first_month_is_due)
    await story.do("reelect stipend assess leaders 1 --defer dev9 --drop dev10 --from producer-0")
    await vote(story, 3, ("producer-1", "producer-4", "producer-5"))
    await passed(story, 3, (51, SEATS))
    await story.do("reelect stipend show leaders")
    for name in ("producer-0", "producer-1", "producer-2", "dev8"):
        await story.do(f"reelect stipend claim leaders --from {name}")
        assert await held(story, name, "KOL") == PAY * KOL
    await story.refused("reelect stipend claim leaders --from dev9", "stipends.nothing-released")
    await story.do("reelect pot show orders")
    assert await in_pot(story, "orders", "KOL") == PAY * KOL


def first_month_is_due(answer: JsonObject) -> bool:
    """Whether the first month of all recipients is over."""
    lists = [each["due"] for each in items(answer, "recipients")]
    return all(isinstance(months, list) and 1 in months for months in lists)


async def a_super_node_is_nominated(story: Telling) -> None:
    """K5."""
    story.chapter(
        "The nodes nominate a super node",
        """33 % of the nodes nominate the first 21 super nodes: here four of twelve (K5). From now
        on proposals need a bond of 10 KOL, which comes back.""",
    )
    await story.do("reelect member admit supers producer-8 --from dev8")
    assert await held(story, "dev8", "KOL") == (PAY - BOND) * KOL
    await vote(story, 4, ("dev9", "producer-6", "producer-7"))
    await passed(story, 4, (33, NODES))
    await story.do("reelect member list supers")
    assert story.addresses["producer-8"] in await members(story, "supers")
    assert await held(story, "dev8", "KOL") == PAY * KOL


async def orders_are_taken_on(story: Telling) -> None:
    """K5."""
    story.chapter(
        "The super nodes take the orders on",
        """51 % of the super nodes, now four of seven, take an order on, and say who leads it (K5).
        From now on the client cannot take its fee back.""",
    )
    for order, proposal in ((1, 5), (2, 6)):
        await story.do(f"reelect order accept {order} --leader producer-1 --from producer-0")
        await vote(story, proposal, ("producer-2", "producer-3", "producer-8"))
    for proposal in (5, 6):
        await passed(story, proposal, (51, SUPERS))
    await story.refused("reelect order cancel 1 --from dev11", "orders.not-placed")


async def an_order_is_done(story: Telling) -> None:
    """K2."""
    story.chapter(
        "The handbook: two approvals, and an issue",
        """The leader lists who did the task and who completed it, with scores of what each
        contributed.""",
    )
    await story.do(
        r"printf '%s\n' 'dev12 user 3' 'dev13 user 1' 'producer-1 leader 1' > scores.txt"
    )
    await story.do("reelect order score 1 scores.txt --from producer-1")
    story.say("No price below the market's reference price is taken (K2).")
    await story.refused("reelect batch gather 1 --price 0.5 --from producer-1", "orders.too-cheap")
    await story.do("reelect batch gather 1 --price 1 --from producer-1")
    story.say(
        "First 51 % of the super nodes approve amount, price and list, then 51 % of the nodes."
    )
    await story.do("reelect batch approve 1 --from producer-0")
    await vote(story, 7, ("producer-1", "producer-4", "producer-5"))
    await second_stage(story, 7)
    await vote(story, 7, [*(f"producer-{i}" for i in range(6)), "producer-8"])
    await passed(story, 7, (51, SUPERS), (51, NODES))
    story.say(
        """At 1 USDT a fee of 2,000 is worth 2,000 KOL: 1,000 that were dropped, and 1,000 that are
        issued. Users share 80 % of them, leaders 20 %, by their scores."""
    )
    users, leaders = HANDBOOK * KOL * 80 // 100, HANDBOOK * KOL * 20 // 100
    assert await shares(story, 1) == {
        story.addresses["dev12"]: users * 3 // 4,
        story.addresses["dev13"]: users // 4,
        story.addresses["producer-1"]: leaders,
    }
    await story.do("reelect order show 1")
    await story.do("reelect batch show 1")
    assert await in_pot(story, "orders", "KOL") == 0
    assert await in_pot(story, "foundation", "USDT") == HANDBOOK * USDT
    shown = await terms(story)
    assert number(shown["issued"]) == (GENESIS_ISSUE + HANDBOOK - PAY) * KOL
    assert number(shown["left"]) == LEFT * KOL


async def bought_back(story: Telling) -> None:
    """K4."""
    story.chapter(
        "The foundation buys back, and burns",
        """`dev13` sells some KOL on the order book. With what it has earned the foundation buys it
        back, for no more than the reference price, and burns it in public (K4). That makes no room
        under the cap: what was left to issue is left to issue.""",
    )
    await story.do(f"reelect market place sell {SOLD} KOL-USDT --price 0.9 --from dev13")
    await story.do(f"reelect order buy-back foundation --amount {SOLD} --price 1 --from producer-0")
    await vote(story, 8, ("producer-1", "producer-2", "producer-3"))
    await passed(story, 8, (51, SUPERS))
    await story.do("reelect order terms")
    shown = await terms(story)
    assert (number(shown["burned"]), number(shown["left"])) == (SOLD * KOL, LEFT * KOL)
    assert await held(story, "dev13", "USDT") == ASKED * USDT
    assert await in_pot(story, "foundation", "USDT") == (HANDBOOK - ASKED) * USDT


async def the_issue_is_used_up(story: Telling) -> None:
    """K1, K3, K4."""
    story.chapter(
        "The film: the cap is reached",
        """The fee of the film is worth 16,000,000 KOL; 15,999,000 are left under the cap of
        21,000,000, and no more are issued (K1).""",
    )
    await story.do(r"printf '%s\n' 'dev12 user 1' 'producer-1 leader 1' > film-scores.txt")
    await story.do("reelect order score 2 film-scores.txt --from producer-1")
    await story.do("reelect batch gather 2 --price 1 --from producer-1")
    await story.do("reelect batch approve 2 --from producer-0")
    await vote(story, 9, ("producer-1", "producer-4", "producer-8"))
    await second_stage(story, 9)
    voters = ("dev8", "dev9", "producer-0", "producer-1", "producer-2", "producer-6", "producer-7")
    await vote(story, 9, voters)
    await passed(story, 9, (51, SUPERS), (51, NODES))
    assert await shares(story, 2) == {
        story.addresses["dev12"]: LEFT * KOL * 80 // 100,
        story.addresses["producer-1"]: LEFT * KOL * 20 // 100,
    }
    await story.do("reelect batch show 2")
    story.say(
        """From now on orders are paid in KOL, nothing is issued again, and nothing is bought back
        or burned (K3, K4)."""
    )
    await story.do("reelect order terms")
    shown = await terms(story)
    assert (shown["paid_in"], number(shown["issued"]), number(shown["left"])) == (
        "KOL",
        CAP * KOL,
        0,
    )
    await story.refused(
        "reelect order place 'A poster' --fee 50 --asset USDT --brief film.txt --from dev11",
        "orders.other-asset",
    )
    await story.refused("reelect asset burn 1 --from dev12", "token.issued-in-full")


async def three_votes_are_missed(story: Telling) -> None:
    """K6, K7, K8."""
    story.chapter(
        "A report, and three votes missed",
        """`producer-5` has not voted since: it has missed two votes that lasted their whole
        window. The third is about the finance report, which 33 % of the super nodes publish, three
        of seven (K6).""",
    )
    out, next_super = story.addresses["producer-5"], story.addresses["producer-6"]
    assert (await members(story, "supers"))[out] == 2
    await story.do("echo 'In: 16,002,000 USDT of fees. Out: 90 USDT for 100 KOL' > report.txt")
    await story.do("reelect finance publish-report 0 report.txt --from producer-0")
    await vote(story, 10, ("producer-1", "producer-2"))
    await passed(story, 10, (33, SUPERS))
    story.say(
        """It is out, and cannot come back for three months; the first alternate who is no super
        node yet has its place at once (K7, K8), and makes blocks from the next epoch on. So it went
        with `dev10`, a node that has missed three votes of the nodes: `alternate-1` is a node in
        its place."""
    )
    await story.do("reelect member list supers")
    supers, nodes = await members(story, "supers"), await members(story, "nodes")
    assert out not in supers
    assert next_super in supers
    assert len(supers) == SUPERS
    assert story.addresses["dev10"] not in nodes
    assert story.addresses["alternate-1"] in nodes
    assert len(nodes) == NODES


async def an_order_in_kol(story: Telling) -> None:
    """K3."""
    story.chapter(
        "A song, paid in KOL",
        """`dev12`, who has earned by the film, orders a song. All is as before, but that nothing is
        issued: the fee itself is split (K3).""",
    )
    await story.do("echo 'For the anniversary' > song.txt")
    await story.do(f"reelect order place 'A song' --fee {SONG} --brief song.txt --from dev12")
    await story.do("reelect order accept 3 --leader producer-2 --from producer-0")
    await vote(story, 11, ("producer-3", "producer-4", "producer-6"))
    await passed(story, 11, (51, SUPERS))
    await story.do(r"printf '%s\n' 'dev14 user 1' 'producer-2 leader 1' > song-scores.txt")
    await story.do("reelect order score 3 song-scores.txt --from producer-2")
    await story.do("reelect batch gather 3 --from producer-2")
    await story.do("reelect batch approve 3 --from producer-0")
    await vote(story, 12, ("producer-1", "producer-2", "producer-8"))
    await second_stage(story, 12)
    voters = ("dev8", "dev9", "producer-3", "producer-4", "producer-5", "producer-6", "producer-8")
    await vote(story, 12, voters)
    await passed(story, 12, (51, SUPERS), (51, NODES))
    assert await shares(story, 3) == {
        story.addresses["dev14"]: SONG * KOL * 80 // 100,
        story.addresses["producer-2"]: SONG * KOL * 20 // 100,
    }
    await story.do("reelect order show 3")
    assert number((await terms(story))["issued"]) == CAP * KOL
    story.say("Meanwhile the super node that stepped in has a seat, and makes blocks.")
    next_super = story.addresses["producer-6"]
    await story.until("reelect producer list", lambda answer: has_seat(answer, next_super))
    await story.do("reelect producer list")


def has_seat(answer: JsonObject, account: str) -> bool:
    """Whether a producer makes blocks, by what `producer list` says."""
    (found,) = (each for each in items(answer, "producers") if each["producer"] == account)
    return found["seat"] is True


async def an_audit_and_another_admin(story: Telling) -> None:
    """K5, K6."""
    story.chapter(
        "The nodes demand an audit, and elect another admin",
        """33 % of the nodes, four of twelve, demand an audit of what was reported (K6); 67 %, nine
        of twelve, dismiss the admin and elect another (K5).""",
    )
    await story.do("reelect finance demand-audit 0 --from dev8")
    await vote(story, 13, ("producer-0", "producer-1", "producer-2"))
    await passed(story, 13, (33, NODES))
    await story.do("reelect finance list")
    (period,) = (
        each
        for each in items(await story.ask("reelect finance list"), "periods")
        if number(each["period"]) == 0
    )
    assert period["report"] is not None
    assert period["audit"] is not None
    await story.do("reelect member elect admin dev15 --instead-of admin --from producer-0")
    await vote(story, 14, [f"producer-{i}" for i in range(1, 9)])
    await passed(story, 14, (67, NODES))
    assert list(await members(story, "admin")) == [story.addresses["dev15"]]
    await story.refused("reelect member admit nodes dev14 --from admin", "gov.may-not-propose")


async def a_red_packet(story: Telling) -> None:
    """K9."""
    story.chapter(
        "A red packet",
        """`dev12` celebrates. Who is given the secret in `envelope` can claim a share, each account
        once; how much, lots decide when all are claimed (K9).""",
    )
    await story.do(
        f"reelect packet make {PACKET} {SHARES} --link envelope --greeting 'To the film' "
        "--from dev12"
    )
    await story.do("reelect packet claim 1 --link envelope --from dev13")
    await story.refused(
        "reelect packet claim 1 --link envelope --from dev13", "packets.claimed-already"
    )
    for name in ("dev14", "producer-3"):
        await story.do(f"reelect packet claim 1 --link envelope --from {name}")
    answer = await story.until("reelect packet show 1", lambda answer: answer["status"] == "over")
    await story.do("reelect packet show 1")
    drawn = [number(each["units"]) for each in items(answer, "claims")]
    assert len(drawn) == SHARES
    assert sum(drawn) == PACKET * KOL
    assert min(drawn) > 0


async def over_the_counter(story: Telling) -> None:
    """K9."""
    story.chapter(
        "Over the counter",
        """`dev11` has USDT left, and offers some for KOL; what is offered is in escrow until it is
        taken (K9).""",
    )
    await story.do(f"reelect otc offer {OVER_THE_COUNTER} USDT --price {PAID} --from dev11")
    await story.do("reelect otc list")
    before = await held(story, "dev12", "USDT")
    await story.do("reelect otc take 1 --from dev12")
    assert await held(story, "dev11", "KOL") == PAID * KOL
    assert await held(story, "dev12", "USDT") == before + OVER_THE_COUNTER * USDT
    story.say(
        """For a payment outside the chain what is sold is in escrow, each side puts up a bond, and
        an arbiter decides if they disagree. They do not."""
    )
    await story.do(
        "reelect otc sale make 50 KOL --terms 'EUR 40 by bank transfer' --bond 5 --arbiter dev9 "
        "--from dev11"
    )
    await story.do("reelect otc sale buy 1 --from dev13")
    await story.do("reelect otc sale paid 1 --evidence 'transfer 4711' --from dev13")
    await story.refused("reelect otc sale release 1 --from dev13", "otc.not-the-seller")
    before = await held(story, "dev13", "KOL")
    await story.do("reelect otc sale release 1 --from dev11")
    gained = await held(story, "dev13", "KOL") - before
    assert gained == (50 + 5) * KOL, "what was sold, and its bond"


async def a_fund_gathers(story: Telling) -> None:
    """K9."""
    story.chapter(
        "A fund gathers",
        """`dev12` founds a fund for films, and contributes most. Who contributes has a share of
        it; when two minutes are over nobody can join any more (K9).""",
    )
    first, *others = CONTRIBUTED
    await story.do(
        f"reelect fund found Films {CONTRIBUTED[first]} --gather-s 120 --vote-s 90 --grace-s 30 "
        f"--from {first}"
    )
    contributions = "; ".join(
        f"reelect fund contribute 1 {CONTRIBUTED[name]} --wait included --from {name}"
        for name in others
    )
    await story.do(f"({contributions}) > contributions.txt")
    await story.do("reelect fund members 1")
    assert await shares_of_fund(story) == {
        story.addresses[name]: amount * KOL for name, amount in CONTRIBUTED.items()
    }
    held_pot = FUND_BOND + sum(CONTRIBUTED.values())
    assert await in_pot(story, "fund.held", "KOL") == held_pot * KOL


async def the_fund_invests(story: Telling) -> None:
    """K9."""
    story.chapter(
        "The fund invests, and one leaves",
        """The fund takes no contributions any more. `producer-1` proposes that it pays `dev14`, who
        has a film in mind. Two members are for it. `dev13` is not, and leaves before it is paid:
        with all that it gave, as nothing was spent (K9).""",
    )
    await story.until("reelect fund show 1", lambda answer: answer["gathering"] is False)
    await story.refused("reelect fund contribute 1 5 --from dev14", "fund.gathered")
    before = await held(story, "dev13", "KOL")
    await story.do(
        f"reelect fund propose 1 dev14 {INVESTED} --memo 'A film; a fifth of its income' "
        "--wait included --from producer-1"
    )
    await story.do(
        "xargs -n 1 -P 2 reelect fund vote 1 1 yes --wait included --from "
        "<<< 'dev12 producer-1' > votes.txt"
    )
    await story.do("reelect fund leave 1 --from dev13")
    fee = before + CONTRIBUTED["dev13"] * KOL - await held(story, "dev13", "KOL")
    assert 0 <= fee < KOL // 100
    await story.do("reelect fund proposals 1")


async def the_fund_returns(story: Telling) -> None:
    """K9."""
    everyone = sum(CONTRIBUTED.values())
    stayed = everyone - CONTRIBUTED["dev13"]
    paid = floor(Fraction(INVESTED * KOL * stayed, everyone))
    story.chapter(
        "What comes back",
        f"""Of the {INVESTED:,} KOL {INVESTED * stayed // everyone:,} are paid: those who stayed
        invest their own part, and not that of `dev13` (K9). What the film brings is shared by their
        shares.""",
    )
    (proposal,) = items(
        await story.until(
            "reelect fund proposals 1",
            lambda answer: (
                row_of(items(answer, "proposals")[0])["status"] not in ("voting", "passed")
            ),
        ),
        "proposals",
    )
    row = row_of(proposal)
    assert row["status"] == "paid"
    assert number(row["paid_units"]) == paid
    assert number(row["yes"]) == stayed * KOL
    liquid = stayed * KOL - paid
    assert await in_pot(story, "fund.held", "KOL") == FUND_BOND * KOL + liquid
    await story.do(f"reelect fund pay-in 1 {RETURNED} --memo 'income of May' --from dev14")
    await story.do("reelect fund members 1")
    await story.do("reelect fund claim 1 --from dev12")
    left = FUND_BOND * KOL + liquid + RETURNED * KOL
    left -= part(RETURNED * KOL, "dev12", stayed)
    assert await in_pot(story, "fund.held", "KOL") == left
    await story.refused("reelect fund claim 1 --from dev12", "fund.nothing-returned")
    story.say(
        """Who leaves has its part of what the fund has to invest, and of what came back that it
        has not claimed."""
    )
    await story.do("reelect fund leave 1 --from producer-1")
    left -= part(liquid, "producer-1", stayed) + part(RETURNED * KOL, "producer-1", stayed)
    assert await in_pot(story, "fund.held", "KOL") == left
    await story.do("reelect fund show 1")
    assert await shares_of_fund(story) == {story.addresses["dev12"]: CONTRIBUTED["dev12"] * KOL}


def part(units: int, member: str, shares: int) -> int:
    """What a member of the fund has of so many units, of so many whole shares, in whole units."""
    return floor(units * Fraction(CONTRIBUTED[member], shares))


async def shares_of_fund(story: Telling) -> dict[str, int]:
    """The shares of the fund's members."""
    answer = await story.ask("reelect fund members 1")
    return {
        str(each["account"]): number(row_of(each)["shares"]) for each in items(answer, "members")
    }


def row_of(item: JsonObject) -> JsonObject:
    """The row of the chain in an item of an answer."""
    row = item["row"]
    assert isinstance(row, dict)
    return row


async def between_two_chains(story: Telling) -> None:
    """K9."""
    story.chapter(
        "An exchange with another chain",
        f"""Another community has a chain of its own, on which `dev1` would give {TAKEN} REEL for
        {GIVEN} KOL. `dev12` here is `dev0` there, and `dev1` is `dev13` here: their keys differ, so
        that each tells the other its address.""",
    )
    here = await client_node(story)
    async with story.beside("two", "--nodes", "1") as there:
        two = "REELECT_CONFIG=two/client.toml reelect"
        anna = (await story.ask(f"{two} account show dev0"))["account"]
        ben = story.addresses["dev13"]
        story.say(
            """One secret locks both halves (K9). `dev12` begins, and shows it to nobody; the answer
            is locked by the same secret, for half the time."""
        )
        await story.do(f"reelect swap offer dev13 {GIVEN} --secret secret --from dev12")
        await story.do(
            f"{two} swap answer 1 {TAKEN} --chain {here} --receiver {ben} --to {anna} --from dev1"
        )
        story.say("To claim the answer shows the secret, and by it the offer is claimed.")
        await story.refused(
            f"reelect swap claim 1 --secret-of 1 --chain {there} --from dev13", "no-secret"
        )
        await story.do(f"{two} swap claim 1 --secret secret --from dev0")
        before = await held(story, "dev13", "KOL")
        await story.do(f"reelect swap claim 1 --secret-of 1 --chain {there} --from dev13")
        await story.do("reelect swap list dev13")
        await story.do(f"{two} swap list dev0")
        fee = before + GIVEN * KOL - await held(story, "dev13", "KOL")
        assert 0 <= fee < KOL // 100
        (other,) = items(await story.ask(f"{two} swap list dev0"), "swaps")
        assert (other["status"], number(other["units"])) == ("claimed", TAKEN * 10**8)


async def client_node(story: Telling) -> str:
    """The API that commands here ask."""
    settings = (await story.ask("reelect config show"))["settings"]
    assert isinstance(settings, dict)
    node = settings["client.node"]
    assert isinstance(node, dict)
    return str(node["value"])


async def _tell(story: Telling) -> None:
    await nodes_are_nominated(story)
    await leaders_are_enlisted(story)
    await orders_are_placed(story)
    await a_month_is_assessed(story)
    await a_super_node_is_nominated(story)
    await orders_are_taken_on(story)
    await an_order_is_done(story)
    await bought_back(story)
    await the_issue_is_used_up(story)
    await three_votes_are_missed(story)
    await an_order_in_kol(story)
    await a_fund_gathers(story)
    await an_audit_and_another_admin(story)
    await the_fund_invests(story)
    await a_red_packet(story)
    await over_the_counter(story)
    await the_fund_returns(story)
    await between_two_chains(story)


KOL_ALLIANCE = Story(
    "KOL: an alliance decides, pays for work, and uses its issue up",
    """An alliance of communities, on one machine, with days of a second, so that a month takes half
    a minute, and with six super nodes and votes of five seconds at least, so that one can follow
    who votes. The preset's shares and thresholds are as they are. `admin`, `gateway`, `attester`
    and `alternate-1` have the parts that the preset gives them, `producer-0` to `producer-8` are
    super nodes and their alternates, and `dev8` to `dev15` others.""",
    ("--preset", "alliance.toml", "--seats", str(SEATS), "--nodes", "2", "--slot-ms", "500"),
    _tell,
    before=(
        "reelect genesis show --preset kol --toml > kol.toml",
        f"sed -E 's/^day_s = .*/day_s = {DAY_S}/; s/^window_s = .*/window_s = {WINDOW_S}/; "
        f"s/^(fund.shortest_s) = .*/\\1 = {WINDOW_S}/' kol.toml > alliance.toml",
    ),
)
