"""WePoS's story (W1 to W8): from a month in which nobody took part to a voucher for a book."""

from consensus.kinds import JsonObject
from tests.stories.answers import number
from tests.stories.telling import Story, Telling

DAY_S = 1
POS = 10**8  # units of a whole token
MILLION = 1_000_000 * POS
PHASES = ((30, 1), (120, 7), (210, 19), (300, 43), (390, 91))  # days; millions issued by then
ISSUE = 91 * MILLION
STEPS = (120, 210, 300)  # days on which prices and rewards double
REWARD, BOOK = 25, 3  # POS; a reward pays for a book also when one more step has passed between
LOCKED = {"dev5": 8, "dev6": 2}  # POS
FIRST, SECOND, DONATED = 100, 110, 20  # bids in POS
FEES = POS // 100  # far more than the fees of some transactions


async def nobody_takes_part(story: Telling) -> None:
    """W1."""
    story.chapter(
        "A month in which nobody takes part",
        """100,000,000 POS there are in all, and nobody holds any. In the first month one million is
        there for those who take part; what a phase has not given out when it ends is burned, for
        everybody to see (W1).""",
    )
    await story.until("reelect economy show", lambda answer: burned(answer) > 0)
    await story.do("reelect economy show")
    shown = await story.ask("reelect economy show")
    assert burned(shown) == issued_in_phases_over(shown)
    story.say("The token is a right, like points, and is traded nowhere.")
    await story.do("reelect asset show POS")
    assert (await story.ask("reelect asset show POS"))["tradable"] is False


async def getting_in(story: Telling) -> None:
    """Getting started."""
    story.chapter(
        "Getting in",
        """Without a token nobody can pay a fee. An attester says that an account belongs to one
        person, and the person has mana, which pays for taking part.""",
    )
    await story.do("echo 'Write about your first week' > article.md")
    await story.refused(
        "reelect task propose 'An article' --brief article.md --from dev5", "mana.too-little"
    )
    await story.do(
        "for who in dev5 dev6 dev7 media developer; do reelect account attest $who "
        "--evidence 'met in person' --from attester --wait included --json > /dev/null; done"
    )
    await story.do("reelect account show dev5")


async def a_task(story: Telling) -> None:
    """W5, W3."""
    story.chapter(
        "A task",
        """Anybody proposes a form of taking part; two of the committee's three accept it, and say
        what it pays (W5).""",
    )
    await story.do(
        "reelect task propose 'An article about the first week' --brief article.md --from dev5"
    )
    await story.do(
        f"reelect task accept 1 --reward {REWARD} --places 10 --valid-s 604800 --from media"
    )
    await story.do("reelect gov vote 1 yes --from developer")
    story.say("Who has done it claims it with evidence, once; the committee approves.")
    for name in ("dev5", "dev6", "dev7"):
        await story.do(f"echo 'The week of {name}' > {name}.md")
        await story.do(f"reelect task claim 1 --evidence {name}.md --from {name}")
    await story.refused(
        "reelect task claim 1 --evidence dev5.md --from dev5", "tasks.already-claimed"
    )
    before = await steps_gone(story)
    await story.do("reelect task approve 1 dev5 dev6 dev7 --from media")
    await story.do("reelect gov vote 2 yes --from developer")
    await story.do("reelect account show dev6")
    assert doublings(await held(story, "dev6"), REWARD * POS) in between(
        before, await steps_gone(story)
    )
    story.say("What was paid comes out of what the months have issued; the rest of them is burned.")
    shown = await story.ask("reelect asset show POS")
    paid = 3 * await held(story, "dev6")
    pots = shown["pots"]
    assert isinstance(pots, dict)
    released = ISSUE - number(pots["vesting.locked"])
    assert released == number(shown["burned"]) + number(pots["issue"]) + paid


async def a_voucher(story: Telling) -> None:
    """W8, W2, W3."""
    story.chapter(
        "What the token buys",
        """`dev7` offers a book, and the committee lets it into the catalogue (W8). With the months
        5, 8 and 11 prices and rewards double (W3): the price is that of now.""",
    )
    await story.do(
        f"reelect redemption offer 'A used book' --price {BOOK} --stock 3 --valid-s 86400 "
        "--from dev7"
    )
    await story.do(
        "reelect gov propose redemption.approve --policy committee --offer 1 --from media"
    )
    await story.do("reelect gov vote 3 yes --from developer")
    await story.until("reelect economy show", lambda answer: number(answer["price_factor"]) > 1)
    before, held_by_pool = await steps_gone(story), await pool(story)
    await story.do("reelect economy show")
    await story.do("reelect redemption list")
    await story.do("reelect redemption redeem 1 --from dev6")
    story.say("A voucher can be handed on. Its provider marks it as honoured, and nobody else can.")
    await story.do("reelect redemption hand-on 1 dev5 --from dev6")
    await story.do("reelect redemption voucher 1")
    paid = number((await story.ask("reelect redemption voucher 1"))["paid"])
    assert doublings(paid, BOOK * POS) in between(before, await steps_gone(story))
    await story.refused("reelect redemption honour 1 --from dev6", "redemption.not-the-provider")
    await story.do("reelect redemption honour 1 --from dev7")
    story.say("What was paid for it has returned to the pool (W2).")
    await story.do("reelect pot show participation")
    assert await pool(story) == held_by_pool + paid


async def checking_in(story: Telling) -> None:
    """W4."""
    story.chapter(
        "Checking in",
        """Active participation is off until a vote (W4): of the committee, then of the producers.
        Here a period has 90 days, and its airdrop is one percent of the pool.""",
    )
    await story.do(
        "for i in $(seq 0 10); do reelect account attest producer-$i --evidence 'runs a node' "
        "--from attester --wait included --json > /dev/null; done"
    )
    await story.do(
        "reelect gov propose checkin.set_rules --policy rules --from-height 0 --period-days 90 "
        "--ppm 10000 --pot participation --from media"
    )
    await story.do("reelect gov vote 4 yes --from developer")
    await story.do(
        "seq 0 10 | xargs -P 11 -I N reelect gov vote 4 yes --from producer-N --wait included "
        "> votes.txt"
    )
    for name, amount in LOCKED.items():
        await story.do(f"reelect checkin in {amount} --from {name}")
    await story.refused("reelect checkin in 1 --from dev5", "checkin.checked-in")
    await story.do("reelect checkin show dev5")
    story.say("When the period is over its airdrop is shared by what each has locked.")
    held_by_pool, before = await pool(story), await held(story, "dev5")
    await story.until("reelect checkin show dev5", lambda answer: number(answer["back"]) > 0)
    airdrop = held_by_pool // 100
    for name, amount in LOCKED.items():
        await story.do(f"reelect checkin claim --from {name}")
        periods = (await story.ask(f"reelect checkin list {name}"))["periods"]
        assert isinstance(periods, list)
        (period,) = periods
        assert isinstance(period, dict)
        assert number(period["share"]) == airdrop * amount // sum(LOCKED.values())
    assert await pool(story) == held_by_pool - airdrop
    share = airdrop * LOCKED["dev5"] // sum(LOCKED.values())
    assert await held(story, "dev5") == before + LOCKED["dev5"] * POS + share


async def an_auction(story: Telling) -> None:
    """W6."""
    story.chapter(
        "A slot on the page, by auction",
        """An advertising slot is sold by an open auction; its bids are in escrow (W6). The preset's
        own is the first; the committee opens a second.""",
    )
    held_by_pool, before = await pool(story), await held(story, "dev6")
    await story.do(
        "reelect auction open header --policy committee --pot participation --reserve 10 "
        "--open-s 90 --extension-s 90 --most-extension-s 180 --shows-s 3600 --from media"
    )
    await story.do("reelect gov vote 5 yes --from developer")
    await story.do(f"reelect auction bid 2 {FIRST} --from dev5")
    await story.do(f"reelect auction bid 2 {SECOND} --from dev6")
    await story.refused(f"reelect auction bid 2 {SECOND + 1} --from dev5", "auctions.too-low")
    story.say(
        """Anybody may donate to another's bid. With 20 POS more that of `dev5` leads again. A new
        lead shortly before the close puts it off, so that nobody wins by bidding last."""
    )
    first, _ = closes(await story.ask("reelect auction show 2"))
    await story.do(f"reelect auction donate 2 dev5 {DONATED} --from dev7")
    await story.do("reelect auction show 2")
    second, latest = closes(await story.ask("reelect auction show 2"))
    assert first < second <= latest
    await story.until("reelect auction show 2", lambda answer: answer["state"] != "open")
    story.say("The pool has the price, and the loser has its bid back.")
    await story.until("reelect pot show participation", lambda answer: holds(answer) > held_by_pool)
    await story.do("reelect auction show 2")
    await story.do("reelect pot show participation")
    assert await pool(story) == held_by_pool + (FIRST + DONATED) * POS
    assert before - FEES < await held(story, "dev6") < before


async def _tell(story: Telling) -> None:
    await nobody_takes_part(story)
    await getting_in(story)
    await a_task(story)
    await a_voucher(story)
    await checking_in(story)
    await an_auction(story)


def burned(answer: JsonObject) -> int:
    """The units of the one asset that were burned, by what `economy show` says."""
    assets = answer["assets"]
    assert isinstance(assets, list)
    (asset,) = assets
    assert isinstance(asset, dict)
    return number(asset["burned"])


def issued_in_phases_over(answer: JsonObject) -> int:
    """The units of the phases that have ended (W1)."""
    day = number(answer["days_with_blocks"]) - 1
    return max(millions for last, millions in PHASES if day >= last) * MILLION


async def steps_gone(story: Telling) -> int:
    """How often prices and rewards have doubled by now (W3)."""
    day = number((await story.ask("reelect economy show"))["days_with_blocks"]) - 1
    return sum(day >= each for each in STEPS)


def doublings(units: int, usual: int) -> int:
    """How often the usual amount was doubled to so many units."""
    times, rest = divmod(units, usual)
    assert not rest
    assert times.bit_count() == 1
    return times.bit_length() - 1


def between(first: int, last: int) -> range:
    """What a number can have been that went from the first to the last."""
    return range(first, last + 1)


def holds(answer: JsonObject) -> int:
    """The units of POS in a pot."""
    held_units = answer["holds"]
    assert isinstance(held_units, dict)
    return number(held_units["POS"])


def closes(answer: JsonObject) -> tuple[int, int]:
    """When an auction closes as it stands, and at the latest (ms)."""
    terms = answer["terms"]
    assert isinstance(terms, dict)
    return number(terms["closes_ms"]), number(terms["hard_close_ms"])


async def pool(story: Telling) -> int:
    """The units in the participation pool."""
    return holds(await story.ask("reelect pot show participation"))


async def held(story: Telling, name: str) -> int:
    """The units of POS that an account holds."""
    balances = (await story.ask(f"reelect account show {name}"))["balances"]
    assert isinstance(balances, list)
    (balance,) = balances
    assert isinstance(balance, dict)
    return number(balance["amount"])


WEPOS = Story(
    "WePoS: taking part, and what it buys",
    """A community whose token is earned by taking part, on one machine and with days of a second,
    so that a month takes half a minute. `attester`, and the committee of `media`, `developer` and
    `participant`, have the parts that the preset gives them; `dev5` to `dev7` are people.""",
    ("--preset", "wepos", "--day-s", str(DAY_S), "--slot-ms", "500"),
    _tell,
)
