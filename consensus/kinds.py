"""Typed fields: each kind knows its wire form, its JSON form and its bounds.

A kind is declared once on a record's field and drives the codec, the API schema, the command
line and the reference page. All methods raise InvalidEncoding for a value out of bounds.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from consensus.address import format_address, parse_address
from consensus.cid import Cid, parse_cid
from consensus.codec import UINT64_MAX, Wire
from consensus.errors import Invalid, InvalidEncoding
from consensus.hashing import DIGEST_BYTES

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

JSON_INTEGER_MAX = 2**53 - 1
KEY_BYTES = 32
SIGNATURE_BYTES = 64

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

T = TypeVar("T")
R = TypeVar("R")


class Kind(ABC):
    """The type of a field, with its bounds."""

    @abstractmethod
    def pack(self, value: object) -> Wire:
        """The wire form of a checked value."""

    @abstractmethod
    def unpack(self, wire: Wire) -> object:
        """The value of a wire form, checked."""

    @abstractmethod
    def to_json(self, value: object) -> Json:
        """The JSON form of a value."""

    @abstractmethod
    def from_json(self, json: Json) -> object:
        """The value of a JSON form, checked."""

    @abstractmethod
    def schema(self) -> JsonObject:
        """The JSON Schema (2020-12) of the JSON form."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name with bounds, for reference pages."""


@dataclass(frozen=True, slots=True)
class Uint(Kind):
    """An unsigned integer between `minimum` and `maximum`; JSON number up to 2^53 - 1, above
    that (amounts) a decimal string."""

    maximum: int = JSON_INTEGER_MAX
    minimum: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum <= UINT64_MAX:
            raise ValueError("bounds of an unsigned integer: 0 <= minimum <= maximum < 2^64")

    def _check(self, value: object) -> int:
        if type(value) is not int:
            raise InvalidEncoding(f"an integer is expected, not {type(value).__name__}")
        if not self.minimum <= value <= self.maximum:
            raise InvalidEncoding(f"{value} is not within {self.minimum} to {self.maximum}")
        return value

    def pack(self, value: object) -> Wire:
        return self._check(value)

    def unpack(self, wire: Wire) -> int:
        return self._check(wire)

    @property
    def _as_string(self) -> bool:
        return self.maximum > JSON_INTEGER_MAX

    def to_json(self, value: object) -> Json:
        return str(value) if self._as_string else self._check(value)

    def from_json(self, json: Json) -> int:
        if self._as_string and isinstance(json, str):
            if not re.fullmatch(r"0|[1-9][0-9]{0,19}", json, re.ASCII):
                raise InvalidEncoding("a decimal string of digits is expected")
            return self._check(int(json))
        return self._check(json)

    def schema(self) -> JsonObject:
        if self._as_string:
            return {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$", "examples": ["1"]}
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    @property
    def label(self) -> str:
        return f"uint {self.minimum}..{self.maximum}"


@dataclass(frozen=True, slots=True)
class Boolean(Kind):
    """True or false."""

    def pack(self, value: object) -> Wire:
        return self.unpack(value if isinstance(value, bool) else None)

    def unpack(self, wire: Wire) -> bool:
        if not isinstance(wire, bool):
            raise InvalidEncoding("true or false is expected")
        return wire

    def to_json(self, value: object) -> Json:
        return bool(value)

    def from_json(self, json: Json) -> bool:
        return self.unpack(json if isinstance(json, bool) else None)

    def schema(self) -> JsonObject:
        return {"type": "boolean"}

    @property
    def label(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Bytes(Kind):
    """A byte string of `minimum` to `maximum` bytes; JSON lower-case hex."""

    maximum: int
    minimum: int = 0

    def _check(self, value: object) -> bytes:
        if type(value) is not bytes:
            raise InvalidEncoding(f"bytes are expected, not {type(value).__name__}")
        if not self.minimum <= len(value) <= self.maximum:
            raise InvalidEncoding(f"{len(value)} bytes where {self._bounds} are allowed")
        return value

    @property
    def _bounds(self) -> str:
        same = self.minimum == self.maximum
        return f"{self.maximum}" if same else f"{self.minimum} to {self.maximum}"

    def pack(self, value: object) -> Wire:
        return self._check(value)

    def unpack(self, wire: Wire) -> bytes:
        return self._check(wire)

    def to_json(self, value: object) -> Json:
        return self._check(value).hex()

    def from_json(self, json: Json) -> bytes:
        if not isinstance(json, str) or not re.fullmatch(r"([0-9a-f]{2})*", json, re.ASCII):
            raise InvalidEncoding("lower-case hex is expected")
        return self._check(bytes.fromhex(json))

    def schema(self) -> JsonObject:
        return {"type": "string", "pattern": f"^([0-9a-f]{{2}}){{{self.minimum},{self.maximum}}}$"}

    @property
    def label(self) -> str:
        return f"bytes {self._bounds}"


@dataclass(frozen=True, slots=True)
class Account(Kind):
    """A 32-byte account id; JSON the bech32m address `reel1…`."""

    def pack(self, value: object) -> Wire:
        return self._check(value)

    def _check(self, value: object) -> bytes:
        if type(value) is not bytes or len(value) != KEY_BYTES:
            raise InvalidEncoding(f"an account id has {KEY_BYTES} bytes")
        return value

    def unpack(self, wire: Wire) -> bytes:
        return self._check(wire)

    def to_json(self, value: object) -> Json:
        return format_address(self._check(value))

    def from_json(self, json: Json) -> bytes:
        if not isinstance(json, str):
            raise InvalidEncoding("an address (reel1…) is expected")
        return parse_address(json)

    def schema(self) -> JsonObject:
        return {"type": "string", "pattern": "^reel1[02-9ac-hj-np-z]{58}$"}

    @property
    def label(self) -> str:
        return "account"


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """UTF-8 text of at most `maximum` bytes; a `pattern`, if given, matches the whole.

    Control characters other than newline and tab are refused: text ends up in terminals.
    """

    maximum: int
    minimum: int = 0
    pattern: str = ""

    def _check(self, value: object) -> str:
        if type(value) is not str:
            raise InvalidEncoding(f"text is expected, not {type(value).__name__}")
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            raise InvalidEncoding("text that is not UTF-8") from error
        if not self.minimum <= size <= self.maximum:
            raise InvalidEncoding(
                f"{size} bytes of text where {self.minimum} to {self.maximum} are allowed"
            )
        if _CONTROLS.search(value):
            raise InvalidEncoding("control characters are not allowed")
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            raise InvalidEncoding(f"{value[:80]!r} does not match {self.pattern}")
        return value

    def pack(self, value: object) -> Wire:
        return self._check(value)

    def unpack(self, wire: Wire) -> str:
        return self._check(wire)

    def to_json(self, value: object) -> Json:
        return self._check(value)

    def from_json(self, json: Json) -> str:
        return self._check(json)

    def schema(self) -> JsonObject:
        schema: JsonObject = {"type": "string", "maxLength": self.maximum}
        if self.minimum:
            schema["minLength"] = 1
        if self.pattern:
            schema["pattern"] = f"^{self.pattern}$"
        return schema

    @property
    def label(self) -> str:
        return f"text {self.minimum}..{self.maximum} bytes" + (
            f" `{self.pattern}`" if self.pattern else ""
        )


@dataclass(frozen=True, slots=True)
class Link(Kind):
    """A CID: on the wire an IPLD link, in JSON its canonical text."""

    def pack(self, value: object) -> Wire:
        return self._check(value)

    def _check(self, value: object) -> Cid:
        if not isinstance(value, Cid):
            raise InvalidEncoding("a link is expected")
        return value

    def unpack(self, wire: Wire) -> Cid:
        return self._check(wire)

    def to_json(self, value: object) -> Json:
        return str(self._check(value))

    def from_json(self, json: Json) -> Cid:
        if not isinstance(json, str):
            raise InvalidEncoding("the text of a CID is expected")
        return parse_cid(json)

    def schema(self) -> JsonObject:
        return {"type": "string", "pattern": "^b[a-z2-7]{58}$"}

    @property
    def label(self) -> str:
        return "CID"


@dataclass(frozen=True, slots=True)
class Nullable(Kind):
    """A value of `kind`, or null."""

    kind: Kind

    def pack(self, value: object) -> Wire:
        return None if value is None else self.kind.pack(value)

    def unpack(self, wire: Wire) -> object:
        return None if wire is None else self.kind.unpack(wire)

    def to_json(self, value: object) -> Json:
        return None if value is None else self.kind.to_json(value)

    def from_json(self, json: Json) -> object:
        return None if json is None else self.kind.from_json(json)

    def schema(self) -> JsonObject:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}

    @property
    def label(self) -> str:
        return f"{self.kind.label} or null"


@dataclass(frozen=True, slots=True)
class Many(Kind):
    """A sequence of `minimum` to `maximum` values of `kind`; a tuple in Python."""

    kind: Kind
    maximum: int
    minimum: int = 0

    def _check_length(self, length: int) -> None:
        if not self.minimum <= length <= self.maximum:
            raise InvalidEncoding(
                f"{length} items where {self.minimum} to {self.maximum} are allowed"
            )

    def pack(self, value: object) -> Wire:
        if not isinstance(value, tuple):
            raise InvalidEncoding("a tuple is expected")
        self._check_length(len(value))
        return [_at(i, self.kind.pack, item) for i, item in enumerate(value)]

    def unpack(self, wire: Wire) -> object:
        if not isinstance(wire, list):
            raise InvalidEncoding("an array is expected")
        self._check_length(len(wire))
        return tuple(_at(i, self.kind.unpack, item) for i, item in enumerate(wire))

    def to_json(self, value: object) -> Json:
        if not isinstance(value, tuple):
            raise InvalidEncoding("a tuple is expected")
        return [self.kind.to_json(item) for item in value]

    def from_json(self, json: Json) -> object:
        if not isinstance(json, list):
            raise InvalidEncoding("an array is expected")
        self._check_length(len(json))
        return tuple(_at(i, self.kind.from_json, item) for i, item in enumerate(json))

    def schema(self) -> JsonObject:
        return {
            "type": "array",
            "items": self.kind.schema(),
            "minItems": self.minimum,
            "maxItems": self.maximum,
        }

    @property
    def label(self) -> str:
        return f"up to {self.maximum} × {self.kind.label}"


def _at(index: int, convert: Callable[[T], R], item: T) -> R:
    try:
        return convert(item)
    except Invalid as error:
        raise error.within(f"[{index}]") from None


# The shared fields of records: what is annotated with these is typed as its first argument.
Digest = Annotated[bytes, Bytes(DIGEST_BYTES, DIGEST_BYTES)]
PublicKey = Annotated[bytes, Bytes(KEY_BYTES, KEY_BYTES)]
Signature = Annotated[bytes, Bytes(SIGNATURE_BYTES, SIGNATURE_BYTES)]
AccountId = Annotated[bytes, Account()]
Amount = Annotated[int, Uint(UINT64_MAX)]
Counter = Annotated[int, Uint()]
ASSET_TEXT = Text(12, 1, "[A-Z][A-Z0-9]{0,11}")
Asset = Annotated[str, ASSET_TEXT]
