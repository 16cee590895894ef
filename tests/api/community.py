"""A chain on which consumption is reward, whose catalogue has a rose, for tests of its economy."""

from consensus.kinds import JsonObject
from genesis.file import Genesis, make_genesis
from genesis.setup import Setup, carry_out
from tests.api.world import ALICE, BOB, GENESIS
from tests.node.network import GENESIS_TIME_MS
from vm.modules.producer import ranked

USDT = 10**6
REEL = 10**8
ROSE = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
FEE_PPM = 200_000
DAY_SLOTS = 60  # of devnet


def _issue(to: str, asset: str, units: int) -> JsonObject:
    return {"type": "token.issue", "to": to, "asset": asset, "amount": str(units), "memo": ""}


def _list(gift: str, price: int) -> JsonObject:
    terms: JsonObject = {"asset": "USDT", "price": str(price), "animation": ROSE}
    return {"type": "gifts.list", "gift": gift, **terms}


_ACCOUNTS = {"alice": ALICE.public, "bob": BOB.public}
_SETUP = Setup(
    {"alice": "has USDT", "bob": "has some too, and is an app"},
    [
        {
            "type": "token.create",
            "asset": "USDT",
            "name": "Tether",
            "decimals": 6,
            "cap": str(10**15),
            "transferable": True,
            "tradable": True,
            "gateway": None,
        },
        _issue("@alice", "USDT", 100 * USDT),
        _issue("@bob", "USDT", 10 * USDT),
        _issue("@bob", "REEL", REEL),
        {
            "type": "token.issue_to_pot",
            "pot": "reserve",
            "asset": "REEL",
            "amount": str(1_000 * REEL),
            "memo": "",
        },
        {
            "type": "vesting.set_aside",
            "reserve": "community",
            "pot": "reserve",
            "asset": "REEL",
            "units": str(1_000 * REEL),
            "plan": None,
        },
        {
            "type": "market.open_pair",
            "base": "REEL",
            "quote": "USDT",
            "tick": "100",
            "lot": str(10**6),
            "least_turnover": str(10**12),
            "opening_price": str(USDT // 10),
        },
        {
            "type": "rebate.set_rules",
            "reserve": "community",
            "quote": "USDT",
            "factor_ppm": 500_000,
            "consumer_ppm": 600_000,
            "weights": {"call": "3", "comment": "2", "rating": "1", "most_a_day": 5},
            "cap": str(100 * REEL),
        },
        {"type": "dividends.open", "held": "REEL", "paid": "USDT"},
        {
            "type": "pots.set_split",
            "pot": "revenue",
            "shares": [{"ppm": 800_000, "to": {"pot": None, "account": None, "holders": "REEL"}}],
            "rest": {"pot": "operations", "account": None, "holders": None},
        },
        _list("rose", USDT),
        _list("lily", 2 * USDT + 3),
        {"type": "gifts.retire", "gift": "lily"},
    ],
)


def community_genesis() -> Genesis:
    """Alice has 100 USDT, Bob 10. A REEL is worth 0.1 USDT, and half of what a fee
    is worth is released, 60 % of it to who paid it. A rose costs 1 USDT; lilies are retired."""
    state = GENESIS.state()
    members = ranked(state)
    assert members is not None
    carry_out(state, _SETUP, _ACCOUNTS, members, GENESIS_TIME_MS)
    return make_genesis(state)
