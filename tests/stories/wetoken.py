"""WeToken's story (T2 to T11): from a film that is published to what its watchers earn by it."""

from fractions import Fraction
from math import isqrt

from consensus.kinds import Json, JsonObject
from consensus.unixfs import KUBO
from node.content_transfer import measure
from tests.end_to_end.commands import ROOT
from tests.stories.answers import held, in_pot, items, number
from tests.stories.telling import Story, Telling

DAY_S = 20
# A vote is open for a minute, in which so many must vote, each by a command; 51 % are enough.
SEATS, SEATS_NEEDED = 4, 3
WET, USDT = 10**8, 10**6  # units of a whole token
SUPPLY = 1_250_000_000 * WET
SHARES = {"foundation": 30, "community": 5, "vesting.locked": 5}  # % that stay in these pots
SOLD = 125_000_000 * WET  # of the issue of 50 %
MAKER, OTHER, FAN = "dev7", "dev8", "dev9"
PEOPLE = (MAKER, OTHER, FAN, "member-1", "member-2", "member-3")
WATCHERS = (FAN, "member-1", "member-2")
FILM = ROOT / "tests" / "data" / "small.mp4"
CID = str(measure(FILM, KUBO).cid)
TIP, TIP_FEE, SHARER = 100, Fraction(1, 20), Fraction(1, 10)
ROSE, GIFT_FEE, ROSES = 100, Fraction(1, 5), 5
KEY, KEY_FEE, PACKET = 5, Fraction(1, 20), Fraction(1, 100)
AD, BUSINESS = 100, Fraction(3, 10)  # USDT; its part
APP_FEE, LIMIT, LEVEL, SEASON = Fraction(3, 10), 5, 4, 6  # WET
FEES = WET // 100  # far more than the fees of some transactions
OFFERED, PRICE = 8_000, Fraction(1, 100)  # WET; USDT for each
WEIGHTS_PPM = {
    "post": 1_000_000,
    "play": 100_000,
    "like": 250_000,
    "comment": 500_000,
    "payment": 500_000,
    "share": 250_000,
}
TARGET_EACH = 500_000  # millionths
PROMOTED, NOT_PROMOTED = 10 * WET, 2 * WET
DECAYED = Fraction(4, 5)  # scores have lost less than this much within the minutes of the story


async def everything_there_is(story: Telling) -> None:
    """T2."""
    story.chapter(
        "All there is",
        """1,250,000,000 WET there are, and there will be no more (T2). Half of it is sold: who
        bought before the start gets it from `token-sale`, and the rest is for who holds it on the
        earlier chain.""",
    )
    await story.do("reelect asset show WET")
    wet = await story.ask("reelect asset show WET")
    pots = wet["pots"]
    assert isinstance(pots, dict)
    assert number(wet["minted"]) == number(wet["cap"]) == SUPPLY
    assert {name: 100 * number(pots[name]) // SUPPLY for name in SHARES} == SHARES
    assert number(pots["sale"]) + SOLD == SUPPLY // 2
    story.say("Six people get some, and an attester says that each of them is a person.")
    names = " ".join(PEOPLE)
    await story.do(
        f"for who in {names}; do reelect tx transfer $who 10000 --from token-sale --wait sent "
        "--json > /dev/null; done"
    )
    await story.do(
        f"for who in {names}; do reelect account attest $who --evidence 'met in person' "
        "--from attester --wait sent --json > /dev/null; done"
    )
    await story.until(f"reelect account show {PEOPLE[-1]}", is_attested)
    await story.do(f"reelect account show {FAN}")


async def a_film(story: Telling) -> None:
    """T3."""
    story.chapter(
        "A film is published",
        f"""`{MAKER}` opens a space, and publishes a film in it. Before the content id is shown it
        is committed to, so that nobody who sees it on its way can claim it first (T3).""",
    )
    await story.do(f"reelect space create films --channel cinema --title Films --from {MAKER}")
    await story.do(
        "reelect video publish film.mp4 --title 'Six seconds' --space films --name first "
        f"--from {MAKER}"
    )
    story.say("The same content cannot be claimed twice. A name stands for the newest version.")
    await story.refused(
        f"reelect video publish film.mp4 --from {OTHER}", "content.already-published"
    )
    await story.do("reelect name resolve films/first")
    story.say(
        f"""`{OTHER}` publishes another, here the first with an empty box at its end, which players
        skip: a file with another content id."""
    )
    await story.do("(cat film.mp4; printf '\\0\\0\\0\\010free') > second.mp4")
    await story.do(f"reelect video publish second.mp4 --title 'Another' --from {OTHER}")


async def likes_and_shares(story: Telling) -> None:
    """T4, T6."""
    story.chapter(
        "Likes, views and a share link",
        "Who is attested has mana, which pays for likes and comments. A film is liked once (T4).",
    )
    for film in ("film", "second"):
        await story.do(
            f"printf '%s\\n' {' '.join(WATCHERS)} | xargs -P 3 -I N reelect video like "
            f"$(reelect cid {film}.mp4) --from N --wait included > likes.txt"
        )
    await story.refused(f"reelect video like {CID} --from {FAN}", "social.already-liked")
    story.say("Views are signed by who has seen it, and submitted by anybody; each counts once.")
    await story.do(
        f"for who in {' '.join(WATCHERS)}; do reelect video sign-view {CID} --account $who; done "
        "> views"
    )
    await story.do(f"reelect video submit-views views --from {MAKER}")
    story.say(
        f"""`{MAKER}` offers a tenth to who brings it spenders. What `{FAN}` tips through the link
        of `{OTHER}` is split at once, after the platform's twentieth (T6)."""
    )
    await story.do(f"reelect referral terms --sharer 10% --from {MAKER}")
    await story.do(f"reelect video share {CID} --from {OTHER}")
    await story.do(f"reelect video tip {CID} {TIP} --referrer {OTHER} --from {FAN}")
    await story.do(f"reelect referral brought {OTHER}")
    (brought,) = items(await story.ask(f"reelect referral brought {OTHER}"), "assets")
    spent = TIP * WET * (1 - TIP_FEE)
    assert number(brought["units"]) == spent
    assert number(brought["earned"]) == spent * SHARER


async def gifts(story: Telling) -> None:
    """T5."""
    story.chapter(
        "Two fans, and one who would be five",
        f"""Of a gift the creator gets four fifths; the platform's fifth is a vote (T5). Two people
        give `{MAKER}` a rose each; `{FAN}` gives `{OTHER}` {ROSES}, one after the other.""",
    )
    before = await income(story, OTHER)
    await story.do(
        f"printf '%s\\n' member-1 member-2 | xargs -P 2 -I N reelect gift give rose {MAKER} "
        f"--video {CID} --from N --wait included > roses.txt"
    )
    await story.do(
        f"for i in $(seq {ROSES}); do reelect gift give rose {OTHER} --from {FAN} --wait sent "
        "--json > /dev/null; done"
    )
    await story.until("reelect ranking list creator", lambda answer: votes(answer) == 3 + ROSES)
    story.say(
        f"""Within a minute, each further vote of one account for one creator weighs half as much:
        {ROSES} roses of one account are less than two of two, and the tip. What `{OTHER}` got for
        them is not less for it."""
    )
    await story.do("reelect ranking list creator")
    ranked = {
        each["subject"]: number(each["points"])
        for each in items(await story.ask("reelect ranking list creator"), "items")
    }
    a_rose = ROSE * WET * GIFT_FEE
    fair = 2 * a_rose + TIP * WET * TIP_FEE
    brushed = sum(a_rose / 2**i for i in range(ROSES))
    assert fair * DECAYED < ranked[await address(story, MAKER)] <= fair
    # On a machine so slow that a window is over meanwhile, the next one begins anew.
    assert brushed * DECAYED < ranked[await address(story, OTHER)] <= ROSES * a_rose
    assert await income(story, OTHER) == before + ROSES * ROSE * WET * (1 - GIFT_FEE)


async def a_live_room(story: Telling) -> None:
    """T7."""
    story.chapter(
        "A live room",
        "Who owns a space has one live room, which opens when data packets are paid for (T7).",
    )
    opening = f"reelect live open 'How it was made' https://live.example/index.m3u8 --from {MAKER}"
    await story.refused(opening, "live.too-few-packets")
    await story.do(f"reelect live buy 10 --from {MAKER}")
    await story.do(opening)
    await story.do(
        f"printf '%s\\n' {FAN} member-1 | xargs -P 2 -I N reelect live enter {MAKER} --from N "
        "--wait included > entered.txt"
    )
    story.say("Each guest has used a packet, and what was paid for it votes for the room.")
    await story.do("reelect live list --finality head")
    await story.do("reelect ranking list room --finality head")
    await story.refused(f"reelect live close --peak 3 --from {MAKER}", "live.peak-too-high")
    await story.do(f"reelect live close --peak 2 --from {MAKER}")
    await story.do(f"reelect live show {MAKER}")
    shown = await story.ask(f"reelect live show {MAKER}")
    (show,) = items(shown, "shows")
    assert (show["packets_used"], show["peak"]) == (2, 2)
    assert number(show["points"]) == 2 * PACKET * WET
    prepaid = shown["prepaid"]
    assert isinstance(prepaid, dict)
    assert prepaid["packets"] == 8


async def a_place_for_advertisements(story: Telling) -> None:
    """T10."""
    story.chapter(
        "A place for advertisements",
        f"""The foundation sells a place for advertisements by auction, and `{FAN}`, who sells
        popcorn, bids in USDT, which a gateway issues (T10). `{MAKER}` offers WET for USDT on the
        order book, at the reference price.""",
    )
    await story.do(f"reelect market place sell {OFFERED} WET-USDT --price 0.01 --from {MAKER}")
    await story.do(f"reelect asset issue {FAN} {AD} --asset USDT --from gateway")
    await story.do(
        "reelect auction open banner --asset USDT --reserve 50 --open-s 60 --extension-s 10 "
        "--most-extension-s 60 --shows-s 3600 --pot advertising --policy foundation --from member-1"
    )
    await story.do(
        "printf '%s\\n' member-2 member-3 | xargs -P 2 -I N reelect gov vote 1 yes --from N "
        "--wait included > votes.txt"
    )
    await story.do(f"reelect auction bid 1 {AD} --from {FAN}")


async def a_film_for_sale(story: Telling) -> None:
    """T9."""
    story.chapter(
        "A film for sale",
        f"""`{OTHER}` seals a film, and sells the key for {KEY} WET. Everybody can keep and pass on
        what is sealed; the price is in escrow until the key is delivered and could be tested (T9).
        """,
    )
    told = await story.do(
        f"reelect video publish film.mp4 --title Uncut --encrypt --price {KEY} --from {OTHER}"
    )
    sealed = told.split()[1]
    await story.refused(f"reelect video get {sealed} -o uncut.mp4 --account {FAN}", "no-access")
    await story.do(f"reelect video buy {sealed} --max-price {KEY} --from {FAN}")
    await story.do(f"reelect video deliver --from {OTHER}")
    before = await income(story, OTHER)
    await story.do(f"reelect video get {sealed} -o uncut.mp4 --account {FAN}")
    await story.do("cmp film.mp4 uncut.mp4")
    story.say("`member-1` buys it too, and now nobody delivers.")
    await story.do(f"reelect video buy {sealed} --max-price {KEY} --from member-1")
    paid = await held(story, "member-1", "WET")
    story.say("Some days later the one price is paid out, and the other paid back.")
    await story.until("reelect video purchases member-1", lambda answer: not answer["videos"])
    await story.until(f"reelect video purchases {FAN}", is_settled)
    await story.do(f"reelect video purchases {FAN}")
    await story.do("reelect video purchases member-1")
    assert await held(story, "member-1", "WET") == paid + KEY * WET
    assert await income(story, OTHER) == before + KEY * WET * (1 - KEY_FEE)


async def the_place_is_sold(story: Telling) -> None:
    """T10."""
    story.chapter(
        "An advertisement fills the reward pool",
        """When the place is sold 30 % of its price are business income. The rest buys WET for the
        incentive fund, out of which rewards are paid, and never above the reference price (T10).
        """,
    )
    await story.until(f"reelect account show {MAKER}", lambda answer: balance(answer, "USDT") > 0)
    await story.do("reelect auction show 1")
    await story.do(f"reelect market orders {MAKER}")
    await story.do("reelect pot show operations")
    (order,) = items(await story.ask(f"reelect market orders {MAKER}"), "orders")
    bought = AD * (1 - BUSINESS) / PRICE * WET
    assert number(order["left"]) == OFFERED * WET - bought
    operations = (await story.ask("reelect pot show operations"))["holds"]
    assert isinstance(operations, dict)
    assert 0 <= number(operations["USDT"]) - AD * BUSINESS * USDT < USDT, "and some fees"
    assert await held(story, MAKER, "USDT") == AD * (1 - BUSINESS) * USDT


async def an_app(story: Telling) -> None:
    """T11."""
    story.chapter(
        "An app in the player",
        f"""`{OTHER}` offers a quiz about films, for a deposit. Nobody pays in an app without having
        enabled it, and it charges no more a day than one lets it (T11).""",
    )
    await story.do("echo 'Which film is it?' > quiz.html")
    await story.do(
        f"reelect app register quiz game --title Quiz --manifest quiz.html --from {OTHER}"
    )
    for item, price in (("level", LEVEL), ("season", SEASON)):
        await story.do(
            f"reelect app set-item quiz {item} {price} --title 'A {item}' --from {OTHER}"
        )
    await story.refused(f"reelect app pay quiz --item season --from {FAN}", "apps.not-enabled")
    await story.do(f"reelect app enable quiz --limit {LIMIT} --from {FAN}")
    developer = await income(story, OTHER)
    platform = await in_pot(story, "apps.fees", "WET")
    await story.do(f"reelect app pay quiz --item season --from {FAN}")
    await story.do(f"reelect app charge quiz {FAN} --item level --from {OTHER}")
    await story.refused(
        f"reelect app charge quiz {FAN} --item season --from {OTHER}",
        "apps.above-limit",
    )
    paid = (SEASON + LEVEL) * WET
    earned = await income(story, OTHER) - developer
    assert 0 <= paid * (1 - APP_FEE) - earned < FEES
    assert await in_pot(story, "apps.fees", "WET") == platform + paid * APP_FEE
    story.say(
        """The platform's three tenths are held as long as the developer can refund what was paid,
        with them."""
    )
    await story.do("reelect app payments quiz")
    kept = await held(story, FAN, "WET")
    await story.do(f"reelect app refund quiz 1 --from {OTHER}")
    await story.refused(f"reelect app refund quiz 1 --from {OTHER}", "apps.unknown-payment")
    await story.do(f"reelect app bought {FAN}")
    assert await held(story, FAN, "WET") == kept + SEASON * WET
    earned = await income(story, OTHER) - developer
    assert 0 <= LEVEL * WET * (1 - APP_FEE) - earned < FEES
    assert await in_pot(story, "apps.fees", "WET") == platform + LEVEL * WET * APP_FEE


async def a_day_as_a_team(story: Telling) -> None:
    """T8."""
    story.chapter(
        "A day's activity, as a team",
        f"""Each day a pool is taken out of the incentive fund, as large as the day was active, and
        60 % of it are for proof of activity (T8). Three people comment on both films, and
        `{FAN}` once more.""",
    )
    day = await comments(story)
    story.say(
        """Together they have reached the target, which is what a like from each would be: so each
        who was active gets the same, of which a fifth goes to the creators at whose films it was.
        """
    )
    await rewards(story, day, is_team=True)


async def a_day_each_for_itself(story: Telling) -> None:
    """T8."""
    story.chapter(
        "A day's activity, each for itself",
        """The foundation and the producers can agree on the other way: then there is no target, and
        a day's reward is shared by the roots of what each has done (T8). A member of the foundation
        proposes it, which is its own vote, too; a second of the three is enough there (51 %).""",
    )
    await story.do(
        "reelect gov propose parameter.set --policy rules --name poa.is_team --value 0 "
        "--from member-1"
    )
    await story.do("reelect gov vote 2 yes --from member-2 --wait included")
    story.say(
        f"""Of the {SEATS} producers, whose seats the two nodes share, {SEATS_NEEDED} must agree.
        They hold nothing; `token-sale` pays the fees of their votes."""
    )
    producers = " ".join(f"producer-{i}" for i in range(SEATS_NEEDED))
    await story.do(
        f"for who in {producers}; do reelect gov vote 2 yes --from $who --payer token-sale "
        "--wait sent --json > /dev/null; done"
    )
    decided = await story.until("reelect gov show 2", lambda answer: answer["status"] != "open")
    assert decided["status"] == "passed"
    await story.do("reelect gov show 2")
    story.say(f"From now on they comment as before: `{FAN}` three times, and the others twice.")
    day = await comments(story)
    story.say(
        f"""A comment weighs a half: of a day on which `{FAN}` wrote three and two others two each,
        it has a share of √1.5 = 1.22 and they one of √1 = 1. Days of twenty seconds may end between
        the commands; each is shared by what was done on it."""
    )
    await story.do("reelect poa list member-1")
    await rewards(story, day, is_team=False)


async def promotions(story: Telling) -> None:
    """T8."""
    story.chapter(
        "Two creators, one of whom is promoted",
        """The rest of a day's pool is for proof of contribution (T8): creators of neighbouring rank
        are paired, and the beacon of a later block promotes one of each pair. It gets 10 WET, and
        the other 2.""",
    )
    await story.until(f"reelect poc show {MAKER}", lambda answer: pairings(answer) > 0)
    await story.do(f"reelect poc show {MAKER}")
    await story.do(f"reelect poc show {OTHER}")
    promoted, paired = 0, set[int]()
    for name in (MAKER, OTHER):
        creator = (await story.ask(f"reelect poc show {name}"))["creator"]
        assert isinstance(creator, dict)
        count, won = number(creator["pairings"]), number(creator["promotions"])
        assert number(creator["earned"]) == won * PROMOTED + (count - won) * NOT_PROMOTED
        promoted += won
        paired.add(count)
    assert paired == {promoted}


async def _tell(story: Telling) -> None:
    (story.folder / "film.mp4").write_bytes(FILM.read_bytes())
    await everything_there_is(story)
    await a_film(story)
    await likes_and_shares(story)
    await gifts(story)
    await a_live_room(story)
    await a_place_for_advertisements(story)
    await a_film_for_sale(story)
    await the_place_is_sold(story)
    await an_app(story)
    await a_day_as_a_team(story)
    await a_day_each_for_itself(story)
    await promotions(story)


async def comments(story: Telling) -> int:
    """The number of a day that is over, on which the watchers commented on both films, and the fan
    once more."""
    before = await today(story)
    await story.until("reelect economy show", lambda answer: number(answer["day"]) > before)
    for film in ("film", "second"):
        await story.do(
            f"printf '%s\\n' {' '.join(WATCHERS)} | xargs -P 3 -I N reelect video comment "
            f"$(reelect cid {film}.mp4) 'Like it. N' --from N --wait included > comments.txt"
        )
    await story.do(f"reelect video comment {CID} 'Once more' --from {FAN}")
    day = await today(story)
    await story.until("reelect economy show", lambda answer: number(answer["day"]) > day)
    return before


async def rewards(story: Telling, since: int, *, is_team: bool) -> None:
    """Check what the fan has earned on each day since then by what everybody did on it; it claims
    all."""
    await story.do(f"reelect poa list {FAN}")
    until = await today(story)  # later days are over for some of the answers below, and not for all
    days = {
        number(each["day"]): each
        for each in items(await story.ask("reelect activity list"), "days")
    }
    done = {name: await activity(story, name) for name in PEOPLE}
    mine, checked = done[FAN], 0
    for day, each in mine.items():
        shared = days[day]["shared"] if since < day < until else None
        if not isinstance(shared, dict):
            continue
        roots = [root_of(others[day]) for others in done.values() if day in others]
        whole = number(shared["units"])
        assert shared["is_team"] is is_team
        if is_team:
            assert sum(roots) >= TARGET_EACH * len(roots)
            reward = whole // len(roots)
        else:
            reward = whole * root_of(each) // sum(roots)
        assert number(each["units"]) + number(each["to_creators"]) == reward
        checked += 1
    assert checked
    before = await held(story, FAN, "WET")
    await story.do(f"reelect poa claim --from {FAN}")
    gained = await held(story, FAN, "WET") - before
    new = sum(number(each["units"]) for day, each in mine.items() if day > since)
    older = sum(number(each["units"]) for day, each in mine.items() if day <= since)
    assert new <= gained <= new + older, "older days may have lapsed meanwhile"


def is_attested(answer: JsonObject) -> bool:
    """Whether an account is a person's."""
    return answer["attester"] is not None


def votes(answer: JsonObject) -> int:
    """How many votes all of a ranking got."""
    return sum(number(each["votes"]) for each in items(answer, "items"))


def balance(answer: JsonObject, asset: str) -> int:
    """The units of an asset in an account."""
    balances = items(answer, "balances")
    return sum(number(each["amount"]) for each in balances if each["asset"] == asset)


def is_settled(answer: JsonObject) -> bool:
    """Whether the price of what was bought has been paid out."""
    return [each["state"] for each in items(answer, "videos")] == ["bought"]


def pairings(answer: JsonObject) -> int:
    """How often a creator was paired."""
    creator = answer["creator"]
    return number(creator["pairings"]) if isinstance(creator, dict) else 0


def root_of(entry: JsonObject) -> int:
    """isqrt(e x 10^12) of what was done on a day (T8); nobody here does as much as a day's cap."""
    done = entry["done"]
    assert isinstance(done, dict)
    counts = done["counts"]
    assert isinstance(counts, dict)
    return isqrt(sum(number(counts[kind]) * ppm for kind, ppm in WEIGHTS_PPM.items()) * 10**6)


async def today(story: Telling) -> int:
    """The number of the day."""
    return number((await story.ask("reelect economy show"))["day"])


async def activity(story: Telling, name: str) -> dict[int, JsonObject]:
    """What an account did on each day that is over and of which it has claimed nothing."""
    days = items(await story.ask(f"reelect activity show {name}"), "days")
    return {number(each["day"]): each for each in days if each["is_over"]}


async def address(story: Telling, name: str) -> Json:
    """An account's address."""
    return (await story.ask(f"reelect account show {name}"))["account"]


async def income(story: Telling, name: str) -> int:
    """The units that a creator holds, but for what it got by proof of contribution, which comes of
    itself."""
    while True:
        before = await promoted_units(story, name)
        units = await held(story, name, "WET")
        if before == await promoted_units(story, name):
            return units - before


async def promoted_units(story: Telling, name: str) -> int:
    """What a creator got by proof of contribution."""
    creator = (await story.ask(f"reelect poc show {name}"))["creator"]
    return number(creator["earned"]) if isinstance(creator, dict) else 0


WETOKEN = Story(
    "WeToken: a film, and what its watchers earn",
    f"""A community of short videos, on one machine and with days of twenty seconds. The accounts
    are those that `reelect up` makes: `token-sale`, `attester`, `gateway` and the foundation's
    `member-1` to `member-3` have the parts that the preset gives them, `{MAKER}`, `{OTHER}` and
    `{FAN}` are people, as the members are. `film.mp4` is a video of six seconds.""",
    (
        "--nodes",
        "2",
        "--seats",
        str(SEATS),
        "--preset",
        "wetoken",
        "--day-s",
        str(DAY_S),
        "--slot-ms",
        "400",
    ),
    _tell,
)
