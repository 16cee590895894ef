"""Parameters of endpoints: how each is spelled in path or query, and what it means."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from consensus.address import parse_address
from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidEncoding
from consensus.kinds import ASSET_TEXT, JSON_INTEGER_MAX, Account, JsonObject, Link
from node.events import KINDS
from node.query.answers import MAX_PAGE
from node.query.block_queries import parse_block_name
from node.query.chain_view import Finality
from node.query.market_queries import PAIR_PATTERN, parse_pair
from node.statistics.metrics import RANKED_KINDS, RANKED_METRICS, Metric, parse_ranked_metric
from vm.modules.account import HANDLE_PATTERN, HANDLE_TEXT
from vm.modules.apps import KIND_TEXT as APP_KIND_TEXT
from vm.modules.apps import NAME_TEXT as APP_TEXT
from vm.modules.auctions import PLACE_TEXT
from vm.modules.content import NAME_TEXT
from vm.modules.gifts import GIFT_TEXT
from vm.modules.ranking import SUBJECT_TEXT
from vm.modules.redemption import STATUS_TEXT
from vm.modules.sessions import (
    INTEREST_TEXT,
    KIND_TEXT,
    LANGUAGE_TEXT,
    MOST_INTERESTS,
    MOST_PRICE,
)

T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E")

_MAX_TEXT = 2048
_CID_PATTERN = "^b[a-z2-7]{58}$"
_NUMBER_SCHEMA: JsonObject = {"type": "integer", "minimum": 0, "maximum": JSON_INTEGER_MAX}


@dataclass(frozen=True, slots=True)
class Param(Generic[T_co]):
    """A parameter. `parse` reads one spelling and raises InvalidEncoding; without it in the
    query, the value is `default`. A `many` parameter may be repeated: its parse gets each
    spelling and the value is a tuple."""

    name: str
    sentence: str
    schema: JsonObject
    parse: Callable[[str], object]
    default: T_co
    in_path: bool = False
    many: bool = False


def integer(name: str, sentence: str, minimum: int, maximum: int, default: int) -> Param[int]:
    """A whole number in the query."""

    def parse(text: str) -> int:
        if not re.fullmatch("0|[1-9][0-9]{0,15}", text, re.ASCII):
            raise InvalidEncoding("a whole number in digits is expected")
        if not minimum <= int(text) <= maximum:
            raise InvalidEncoding(f"{text} is not within {minimum} to {maximum}")
        return int(text)

    schema: JsonObject = {
        "type": "integer",
        "minimum": minimum,
        "maximum": maximum,
        "default": default,
    }
    return Param(name, sentence, schema, parse, default)


def choice(name: str, sentence: str, values: dict[str, E], default: E) -> Param[E]:
    """One of a few words in the query."""

    def parse(text: str) -> E:
        if text not in values:
            raise InvalidEncoding(f"one of {', '.join(values)} is expected")
        return values[text]

    spelled = next(word for word, value in values.items() if value == default)
    schema: JsonObject = {"type": "string", "enum": list(values), "default": spelled}
    return Param(name, sentence, schema, parse, default)


def limit(default: int, maximum: int = MAX_PAGE) -> Param[int]:
    """How many items a page has at most."""
    return integer("limit", "Most items of this page.", 1, maximum, default)


def _text(text: str) -> str:
    if not 0 < len(text) <= _MAX_TEXT:
        raise InvalidEncoding(f"1 to {_MAX_TEXT} characters are expected")
    return text


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise InvalidEncoding(f"no kind {unknown[0][:80]!r}; known are {', '.join(KINDS)}")
    return kinds


def _account(text: str) -> bytes | str:
    return HANDLE_TEXT.unpack(text[1:]) if text.startswith("@") else parse_address(text)


def _digest(text: str) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", text, re.ASCII):
        raise InvalidEncoding("64 digits of lower-case hex are expected")
    return bytes.fromhex(text)


def _path(name: str, sentence: str, schema: JsonObject, parse: Callable[[str], E]) -> Param[E]:
    # The router matches only paths that spell all their parameters: no default is ever used.
    return Param(name, sentence, schema, parse, cast(E, None), in_path=True)


def number_in_path(name: str, sentence: str) -> Param[int]:
    """A whole number in the path."""

    return _path(name, sentence, _NUMBER_SCHEMA, _number)


def _number(text: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,15}", text, re.ASCII) or int(text) > JSON_INTEGER_MAX:
        raise InvalidEncoding("a whole number in digits is expected")
    return int(text)


def flag(name: str, sentence: str) -> Param[bool]:
    """A yes or no in the query; no without it."""
    return choice(name, sentence, {"false": False, "true": True}, default=False)


def digest_in_path(name: str, sentence: str) -> Param[bytes]:
    """A 32-byte hash in the path."""
    return _path(name, sentence, {"type": "string", "pattern": "^[0-9a-f]{64}$"}, _digest)


_FINALITIES = {"final": Finality.FINAL, "head": Finality.HEAD}

FINALITY = choice(
    "finality",
    "Read at the newest final block, or at the head.",
    _FINALITIES,
    Finality.FINAL,
)
FINALITY_OF_PLACE = choice(
    "finality",
    "Look up to the head, or only up to the newest final block.",
    _FINALITIES,
    Finality.HEAD,
)
FORMAT = choice(
    "format",
    "JSON, or the block's own bytes; the Accept header can say so too.",
    {"json": "json", "cbor": "cbor"},
    "json",
)
CURSOR: Param[str | None] = Param(
    "cursor",
    "`next` of the page before.",
    {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT, "pattern": "^[A-Za-z0-9_-]+$"},
    _text,
    None,
)
KEY_PARTS: Param[tuple[str, ...]] = Param(
    "key",
    "First key parts, in order, of the rows to list.",
    {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT}},
    _text,
    (),
    many=True,
)
OWNER: Param[bytes | None] = Param(
    "owner", "Only this account's videos.", Account().schema(), parse_address, None
)
SPACE_OWNER: Param[bytes | None] = Param(
    "owner", "Only this account's spaces.", Account().schema(), parse_address, None
)
CHANNEL: Param[str | None] = Param(
    "channel", "Only spaces in this channel.", HANDLE_TEXT.schema(), HANDLE_TEXT.unpack, None
)
ROOT: Param[Cid | None] = Param(
    "root", "The file that the block belongs to, if known.", Link().schema(), parse_cid, None
)
AFTER_HEIGHT = integer(
    "after_height", "Only blocks above this height.", 0, JSON_INTEGER_MAX, default=0
)
EVENT_KINDS: Param[tuple[str, ...]] = Param(
    "kinds",
    f"Only events of these kinds, joined by commas: {', '.join(KINDS)}. Gaps always come.",
    {"type": "string", "pattern": f"^({'|'.join(KINDS)})(,({'|'.join(KINDS)}))*$"},
    _kinds,
    KINDS,
)
BLOCK: Param[int | Cid] = _path(
    "block",
    "A block's height or id.",
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _CID_PATTERN}]},
    parse_block_name,
)
TRANSACTION = digest_in_path("id", "A transaction's id.")
ACCOUNT: Param[bytes | str] = _path(
    "address",
    "An account: its address, or its handle after an @.",
    {"anyOf": [Account().schema(), {"type": "string", "pattern": f"^@{HANDLE_PATTERN}$"}]},
    _account,
)
CID: Param[Cid] = _path("cid", "A content id.", Link().schema(), parse_cid)
PAIR: Param[tuple[str, str]] = _path(
    "pair",
    "Two assets that are traded for each other, such as PALT-USDT: base and quote.",
    {"type": "string", "pattern": f"^{PAIR_PATTERN}$"},
    parse_pair,
)
SESSION = number_in_path("session", "A session's number.")
SESSION_KIND: Param[str] = _path("kind", "audio or video.", KIND_TEXT.schema(), KIND_TEXT.unpack)
SESSION_LANGUAGE: Param[str] = _path(
    "language", "A language, such as en.", LANGUAGE_TEXT.schema(), LANGUAGE_TEXT.unpack
)
ASSET: Param[str] = _path("asset", "An asset's symbol.", ASSET_TEXT.schema(), ASSET_TEXT.unpack)
INTEREST: Param[tuple[str, ...]] = Param(
    "interest",
    f"What to talk about; up to {MOST_INTERESTS}.",
    {"type": "array", "items": INTEREST_TEXT.schema(), "maxItems": MOST_INTERESTS},
    INTEREST_TEXT.unpack,
    (),
    many=True,
)
MOST_PRICE_OF_SESSION = integer(
    "most_price", "The most that a minute may cost, in units.", 1, MOST_PRICE, default=MOST_PRICE
)
CALLER: Param[bytes | None] = Param(
    "caller",
    "Who would call, and is not matched with itself.",
    Account().schema(),
    parse_address,
    None,
)
SUBJECT_KIND: Param[str] = _path(
    "kind", "What is ranked.", SUBJECT_TEXT.schema(), SUBJECT_TEXT.unpack
)
VIEWER: Param[bytes | None] = Param(
    "viewer", "For whom, where each viewer has its own.", Account().schema(), parse_address, None
)
DAY = number_in_path("day", "A day of the community, by its number.")
ON_DAY: Param[int | None] = Param(
    "day", "Only this day; else all days together.", _NUMBER_SCHEMA, _number, None
)
METRIC: Param[Metric] = _path(
    "metric",
    "What is counted.",
    {"type": "string", "enum": [metric.value for metric in sorted(RANKED_METRICS)]},
    parse_ranked_metric,
)
RANKED_KIND = choice(
    "kind",
    "What is ranked: videos and creators by what others did, accounts by what they did themselves.",
    {kind: kind for kind in RANKED_KINDS},
    "video",
)
RANKED_ASSET: Param[str | None] = Param(
    "asset",
    "Of which asset, if the metric is units of one; else of the native one.",
    ASSET_TEXT.schema(),
    ASSET_TEXT.unpack,
    None,
)
GIFT: Param[str] = _path("gift", "A gift's name.", GIFT_TEXT.schema(), GIFT_TEXT.unpack)
APP: Param[str] = _path("app", "An app's name.", APP_TEXT.schema(), APP_TEXT.unpack)
APP_KIND: Param[str | None] = Param(
    "kind", "Only apps of this kind.", APP_KIND_TEXT.schema(), APP_KIND_TEXT.unpack, None
)
APP_DEVELOPER: Param[bytes | None] = Param(
    "developer", "Only this account's apps.", Account().schema(), parse_address, None
)
OFFICIAL = flag("official", "Only official apps.")
AUCTION = number_in_path("auction", "An auction's number.")
AUCTION_PLACE: Param[str | None] = Param(
    "place", "Only slots of this place.", PLACE_TEXT.schema(), PLACE_TEXT.unpack, None
)
PAST = flag("past", "Also auctions that nobody bid in, and those whose slot is over.")
OFFER = number_in_path("offer", "An offer's number.")
OFFER_STATUS: Param[str | None] = Param(
    "status", "Only offers of this status.", STATUS_TEXT.schema(), STATUS_TEXT.unpack, None
)
OFFER_PROVIDER: Param[bytes | None] = Param(
    "provider", "Only this account's offers.", Account().schema(), parse_address, None
)
FUND = number_in_path("fund", "A fund's number.")
TASK = number_in_path("task", "A task's number.")
WAITING = flag("waiting", "Only claims that are not decided.")
VOUCHER = number_in_path("voucher", "A voucher's number.")
SPACE: Param[str] = _path("space", "A space's name.", HANDLE_TEXT.schema(), HANDLE_TEXT.unpack)
VIDEO_NAME: Param[str] = _path("name", "A name in the space.", NAME_TEXT.schema(), NAME_TEXT.unpack)
TABLE: Param[str] = _path(
    "table", "A table's name.", {"type": "string", "minLength": 1, "maxLength": 128}, _text
)
ROW_KEY: Param[str] = _path(
    "key",
    'All key parts of a row, in order, joined by "/".',
    {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT},
    _text,
)
