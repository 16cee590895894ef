"""PalChain's story (P1 to P9): from the first stable coin to an elected foundation."""

import time
from fractions import Fraction

from consensus.kinds import Json, JsonObject
from tests.stories.answers import number
from tests.stories.telling import Story, Telling

DAY_S = 1
PALT, USDT = 10**8, 10**6  # units of a whole token
COMMUNITY = 5_100_000_000 * PALT
FEE = Fraction(1, 5)  # the platform's part
FACTOR, PRICE = Fraction(1, 5), Fraction(1, 100)  # of a fee's worth; USDT for a PALT
CONSUMER = Fraction(3, 5)
CALL, ROSE, POEM = 5, 2, 90_000  # USDT
HOLDERS = Fraction(4, 5)  # of what the platform takes


def candy(price: int) -> int:
    """The units that are released for what was paid for (P2)."""
    return int(price * FEE * FACTOR / PRICE * PALT)


def now_ms() -> int:
    """The time of this machine, which is that of its network."""
    return time.time_ns() // 1_000_000


async def nobody_holds_anything(story: Telling) -> None:
    """P1, P2."""
    story.chapter(
        "Nobody holds anything",
        """All of PALT is there, and none of it in anybody's hands (P1): 51 % wait in the
        community's reserve, 49 % for those to whom they were promised.""",
    )
    await story.do("reelect asset show PALT")
    palt = await story.ask("reelect asset show PALT")
    assert palt["minted"] == palt["cap"] == str(10_000_000_000 * PALT)
    story.say(
        """People pay in USDT, which the gateway issues for what it holds of it elsewhere (P2).
        Who has no PALT pays fees in it too."""
    )
    await story.do("reelect asset issue dev10 100000 --asset USDT --from gateway")
    await story.do("reelect asset issue dev11 20 --asset USDT --from gateway")
    await story.refused(
        "reelect asset issue dev10 5 --asset USDT --from dev11", "token.not-the-gateway"
    )


async def a_call(story: Telling) -> None:
    """P7."""
    story.chapter(
        "A call of ten minutes",
        """`dev11` offers conversation, and `dev10` looks for somebody to talk to about chess. Whom
        it would find can be seen before anything is sent (P7).""",
    )
    await story.do(
        "reelect session profile set --kind video --language en --interest chess "
        "--price 0.5USDT --from dev11"
    )
    await story.do("reelect session match --language en --interest chess --max-price 1USDT")
    story.say(
        """It asks for thirty minutes at most, pays for them in advance, and some blocks later is
        matched by a beacon that nobody knew before. What the match costs less has returned."""
    )
    await story.do(
        "reelect session ask --language en --interest chess --max-price 1USDT --minutes 30 "
        "--from dev10"
    )
    await story.until("reelect session show 0", lambda answer: answer["state"] == "opened")
    await story.do("reelect session accept 0 --from dev11")
    story.say(
        """They talk; the media never touch the chain. When they hang up the caller signs for ten
        minutes as the last ticket, the provider signs it too, and either shows it: the provider
        has its part at once, and the rest of the escrow returns."""
    )
    await story.do("reelect session ticket make 0 600 --last > caller.ticket")
    await story.do("reelect session ticket sign caller.ticket > both.ticket")
    await story.do("reelect session settle both.ticket --from dev11")
    await story.refused("reelect session settle both.ticket --from dev11", "session-over")


async def ratings(story: Telling) -> None:
    """P9."""
    story.chapter("What they thought of each other", "Each side rates the other once (P9).")
    await story.do("reelect rating give 0 5 --from dev10")
    await story.refused("reelect rating give 0 1 --from dev10", "ratings.already-rated")
    await story.do("reelect rating give 0 4 --from dev11")
    await story.do("reelect rating show dev11")


async def the_day_closes(story: Telling) -> None:
    """P2."""
    story.chapter(
        "The day closes: consumption is reward",
        """Of the 5 USDT the platform took a fifth. At the day's end the reserve has released a
        fifth of what that was worth at the day's price, 0.01 USDT: 20 PALT, three fifths of them
        to who paid (UC candy), the rest to who earned (US candy).""",
    )
    await story.do("reelect rebate show")
    await candy_of(story, "dev10", int(candy(CALL) * CONSUMER))
    await candy_of(story, "dev11", int(candy(CALL) * (1 - CONSUMER)))


async def a_gift(story: Telling) -> None:
    """P8, P4."""
    story.chapter(
        "A gift, and a dividend",
        """Gifts come from a catalogue, each with its animation by content id (P8).""",
    )
    await story.do("reelect gift list")
    await story.do("reelect gift give rose dev11 --from dev10 --fee-asset USDT")
    story.say(
        """Four fifths of what the platform takes belong to those who hold PALT, by what they hold,
        in the asset that came in (P4). The 0.8 USDT of the call, when nobody held any, have waited
        for the first who did, `dev10`; of the 0.32 USDT of the rose it has three fifths, and
        `dev11` two."""
    )
    await story.do("reelect revenue show")
    await story.do("reelect dividends show dev10")
    await story.do("reelect dividends show dev11")
    waited, shared = (int(price * FEE * HOLDERS * USDT) for price in (CALL, ROSE))
    assert await earned(story, "dev10") == waited + int(shared * CONSUMER)
    assert await earned(story, "dev11") == int(shared * (1 - CONSUMER))
    await story.do("reelect dividends claim --from dev11")


async def in_step(story: Telling) -> None:
    """P8, P3."""
    story.chapter(
        "A poem made to order",
        """`dev10` has a gift made for a great price; what it is to be is described by content id.
        The maker delivers it, and only then is paid (P8).""",
    )
    await story.do("echo 'A poem about our game' > brief.txt")
    await story.do(f"reelect gift order dev11 {POEM}USDT --brief brief.txt --from dev10")
    await story.do("echo 'e4 e5, and so on' > poem.txt")
    await story.do("reelect gift deliver 1 poem.txt --from dev11")
    total = candy(CALL) + candy(ROSE) + candy(POEM)
    await candy_of(story, "dev10", int(total * CONSUMER))
    await candy_of(story, "dev11", int(total * (1 - CONSUMER)))
    story.say(
        """With each day's release the pre-issued unlock the same part of theirs, to the rounding
        unit: neither investors nor founders are ahead of the community (P3)."""
    )
    await story.do("reelect economy show")
    await story.do("reelect vesting list")
    grants = (await story.ask("reelect vesting list"))["grants"]
    assert isinstance(grants, list)
    assert len(grants) == 4
    for grant in grants:
        assert isinstance(grant, dict)
        assert number(grant["unlocked"]) == number(grant["units"]) * total // COMMUNITY
    await story.do("reelect vesting claim team team --from dev10")


async def an_election(story: Telling) -> None:
    """P5, P6."""
    story.chapter(
        "The holders elect their foundation",
        """The foundation has seven seats, filled each year by the holders' votes (P6); here a year
        has 365 seconds, and the vote is open in the last 60. Who stands says by content id what it
        wants to do, and pays a deposit, which comes back unless too few vote for it.""",
    )
    await story.do("reelect stake bond 100000 --from dev10")
    await story.do("reelect stake bond 50000 --from dev11")
    await story.do("echo 'More chess' > programme.txt")
    before = await story.until("reelect election show foundation", candidates_may_stand)
    for name in ("dev10", "dev11"):
        await story.do(f"reelect election stand foundation programme.txt --from {name}")
    await story.until("reelect election show foundation", votes_are_taken)
    await story.do("reelect election vote foundation dev10 dev11 --from dev10")
    story.say("What has voted stays bonded until the vote closes (P5).")
    await story.refused("reelect stake unbond 100000 --from dev10", "stake.locked")
    await story.until(
        "reelect election show foundation",
        lambda answer: number(answer["term"]) > number(before["term"]),
    )
    story.say("The term begins; the first members, whom nobody had elected, have left.")
    await story.do("reelect election show foundation")
    both = [await address(story, name) for name in ("dev10", "dev11")]
    assert sorted(map(str, await seated(story))) == sorted(map(str, both))


async def a_recall(story: Telling) -> None:
    """P6."""
    story.chapter(
        "And recall whom they have elected",
        """Holders can end a term before its time (P6). Who proposes it has voted for it; a week,
        here a minute, is for the others.""",
    )
    await story.do("reelect election recall foundation dev11 --from dev10")
    await story.do("reelect gov vote 1 no --from dev11")
    await story.until("reelect gov show 1", lambda answer: answer["status"] != "open")
    await story.do("reelect gov list")
    await story.do("reelect election show foundation")
    assert await seated(story) == [await address(story, "dev10")]


async def _tell(story: Telling) -> None:
    await nobody_holds_anything(story)
    await a_call(story)
    await ratings(story)
    await the_day_closes(story)
    await a_gift(story)
    await in_step(story)
    await an_election(story)
    await a_recall(story)


def summed(parts: Json) -> int:
    """The amounts of an object, together."""
    assert isinstance(parts, dict)
    return sum(map(number, parts.values()))


def candidates_may_stand(answer: JsonObject) -> bool:
    """Whether there is time to stand: a minute before the vote."""
    return number(answer["opens_ms"]) - now_ms() > 60_000


def votes_are_taken(answer: JsonObject) -> bool:
    """Whether the vote is open."""
    return number(answer["opens_ms"]) <= now_ms()


async def account(story: Telling, name: str) -> JsonObject:
    """What an account is and holds."""
    return await story.ask(f"reelect account show {name}")


async def address(story: Telling, name: str) -> Json:
    """An account's address."""
    return (await account(story, name))["account"]


async def seated(story: Telling) -> list[Json]:
    """Who sits on the foundation."""
    sit = (await story.ask("reelect election show foundation"))["sit"]
    assert isinstance(sit, list)
    return sit


async def candy_of(story: Telling, name: str, whole: int) -> None:
    """Wait until the day is over for which an account is due so many units, and let it have
    them."""

    def is_due(answer: JsonObject) -> bool:
        return summed(answer["due"]) + summed(answer["received"]) == whole

    await story.until(f"reelect rebate show {name}", is_due)
    await story.do(f"reelect rebate claim --from {name}")
    assert summed((await story.ask(f"reelect rebate show {name}"))["received"]) == whole


async def earned(story: Telling, name: str) -> int:
    """The units of USDT that an account's PALT has earned and it has not claimed."""
    dividends = (await story.ask(f"reelect dividends show {name}"))["dividends"]
    assert isinstance(dividends, list)
    (claimable,) = (
        number(each["claimable"])
        for each in dividends
        if isinstance(each, dict) and each["paid"] == "USDT"
    )
    return claimable


PALCHAIN = Story(
    "PalChain: a call, a gift, an election",
    """A community of one-to-one calls, on one machine and with days of a second, so that a year
    takes six minutes. The accounts are those that `reelect up` makes: `gateway`, `attester`, `team`
    and others have the parts that the preset gives them, `dev10` and `dev11` are two people.""",
    ("--preset", "palchain", "--day-s", str(DAY_S), "--slot-ms", "500"),
    _tell,
)
