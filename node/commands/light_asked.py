"""The kinds of facts that `reelect light query` prints and `reelect light export` writes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.errors import InvalidEncoding
from consensus.hashing import DIGEST_BYTES
from consensus.kinds import Bytes, JsonObject, Uint
from consensus.light_answer import Facts
from node.amounts import format_amount
from node.commands.arguments import argument
from node.commands.asking import known_account
from node.commands.copied_state import no_rows
from node.commands.light_forms import Section, block_form, row_form, row_sections
from node.commands.light_options import Session
from node.commands.name import parse_place
from node.failure import TimedOut, Usage
from node.light.client import LightClient, Proved
from node.light.questions import (
    AskBlock,
    AskEvent,
    AskFinal,
    AskRows,
    AskTransaction,
    Question,
    event_of,
    receipt_of,
)
from vm.forms import event_to_json
from vm.modules.account import SENDERS, Sender
from vm.modules.content import NAMES, SPACES, VIDEOS, Named, resolve
from vm.modules.producer import PRODUCERS
from vm.modules.tokens import ASSETS, BALANCES, AssetRow, Balance
from vm.overlay import Overlay
from vm.parameter import VALUES, ParameterValue
from vm.registry import REGISTRY
from vm.table import json_of_text

MAX_TRIES = 4

Summary: TypeAlias = Callable[[Facts], JsonObject]
Sections: TypeAlias = Callable[[Facts], list[Section]]
Prove: TypeAlias = Callable[[LightClient], Awaitable[Proved]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A kind of fact: how it is proved, and how it looks in JSON and for people."""

    prove: Prove
    summary: Summary
    sections: Sections


def account(session: Session, address: str) -> Asked:
    """What an account holds of the native asset, and its next nonce."""
    owner = known_account(session.options.section, address, "ADDRESS")
    asset = session.constants.native_asset
    balance, sender = BALANCES.state_key(owner, asset), SENDERS.state_key(owner)
    named = ASSETS.state_key(asset)

    def found(facts: Facts) -> tuple[int, int, int]:
        held, sent, row = (facts.rows[key] for key in (balance, sender, named))
        return (
            0 if held is None else Balance.decode(held).amount,
            0 if sent is None else Sender.decode(sent).nonce,
            0 if row is None else AssetRow.decode(row).decimals,
        )

    def summary(facts: Facts) -> JsonObject:
        units, nonce, _ = found(facts)
        return {
            "account": format_address(owner),
            "asset": asset,
            "balance": str(units),
            "nonce": nonce,
            "proved": [row_form(key, facts.rows[key]) for key in (balance, sender)],
        }

    def sections(facts: Facts) -> list[Section]:
        units, nonce, decimals = found(facts)
        holds = f"{format_amount(units, decimals)} {asset}"
        return [{"account": format_address(owner), "holds": holds, "next nonce": nonce}]

    return Asked(_asking(AskRows((balance, sender, named))), summary, sections)


def row(table: str, key: Sequence[str]) -> Asked:
    """Any row of the state, or that there is none."""
    return _row(row_key(table, key), "no such row")


def row_key(table: str, key: Sequence[str]) -> bytes:
    """The state key of a row as people spell it; raises Usage."""
    declared = argument("TABLE", REGISTRY.table_named, table)
    return argument("KEY", lambda _: declared.state_key(*declared.key_from_text(key)), "")


def video(cid: str) -> Asked:
    """A video's record, or that it is not registered."""
    return _row(VIDEOS.state_key(argument("CID", parse_cid, cid)), "not registered")


def name(text: str) -> Asked:
    """What a name in a space resolves to, or that it resolves to nothing."""
    place = argument("NAME", parse_place, text)
    keys = (SPACES.state_key(place.space), NAMES.state_key(place.space, place.name))

    async def prove(client: LightClient) -> Proved:
        """The rows of space and name, and the row of just the video that these name."""
        proved = await client.ask(AskRows(keys))
        for _ in range(MAX_TRIES):
            row = proved.facts.rows[keys[1]]
            if row is None:
                return proved
            video = VIDEOS.state_key(Named.decode(row).video)
            proved = await client.ask(AskRows((*keys, video)))
            if proved.facts.rows[keys[1]] == row:
                return proved
        raise TimedOut("the name changes faster than it can be asked for: try again")

    def summary(facts: Facts) -> JsonObject:
        line = resolve(_state_of(facts), place)
        return {
            "name": text,
            "cid": None if line is None else str(line.newest),
            "owner": None if line is None else format_address(line.owner),
            "proved": [row_form(key, value) for key, value in facts.rows.items()],
        }

    def sections(facts: Facts) -> list[Section]:
        found = summary(facts)
        if found["cid"] is None:
            return [{"name": text}, "resolves to nothing"]
        return [{key: found[key] for key in ("name", "cid", "owner")}]

    return Asked(prove, summary, sections)


def _state_of(facts: Facts) -> Overlay:
    """A state of the rows that an answer has proved."""
    state = no_rows()
    for key, value in facts.rows.items():
        if value is not None:
            state.put(key, value)
    return state


def _row(key: bytes, absent: str) -> Asked:
    def summary(facts: Facts) -> JsonObject:
        return row_form(key, facts.rows[key])

    def sections(facts: Facts) -> list[Section]:
        return row_sections(summary(facts), absent)

    return Asked(_asking(AskRows((key,))), summary, sections)


def transaction(session: Session, identity: str) -> Asked:
    """That a transaction is in a final block, and its receipt."""
    digest = Bytes(DIGEST_BYTES, DIGEST_BYTES)
    chosen = argument("ID", digest.from_json, identity)

    def summary(facts: Facts) -> JsonObject:
        receipt = receipt_of(facts).to_json()
        return {"transaction": identity, "receipt": receipt, "block": _block(session, facts)}

    def sections(facts: Facts) -> list[Section]:
        return [receipt_of(facts).to_json(), _short_block(session, facts)]

    return Asked(_asking(AskTransaction(chosen)), summary, sections)


def event(session: Session, height: str, index: str) -> Asked:
    """An event of a final block."""
    chosen = AskEvent(_number("HEIGHT", height), _number("INDEX", index))

    def summary(facts: Facts) -> JsonObject:
        shown = event_to_json(event_of(facts))
        return {"index": chosen.index, "event": shown, "block": _block(session, facts)}

    def sections(facts: Facts) -> list[Section]:
        found = event_to_json(event_of(facts))
        data = found["data"]
        shown: Section = data if isinstance(data, dict) else found
        return [shown, _short_block(session, facts)]

    return Asked(_asking(chosen), summary, sections)


def block(session: Session, height: str) -> Asked:
    """The final block at a height."""

    def summary(facts: Facts) -> JsonObject:
        return {"block": _block(session, facts)}

    def sections(facts: Facts) -> list[Section]:
        return [_block(session, facts)]

    return Asked(_asking(AskBlock(_number("HEIGHT", height))), summary, sections)


def producers() -> Asked:
    """The set that makes blocks final now, with the names that its members have taken."""

    def rows(facts: Facts) -> list[JsonObject]:
        found: list[JsonObject] = []
        for member in facts.producers.members:
            value = facts.rows.get(PRODUCERS.state_key(member.producer))
            name = None if value is None else PRODUCERS.row.decode(value).to_json()["name"]
            address = format_address(member.producer)
            found.append({"producer": address, "name": name, "key": member.key.hex()})
        return found

    def summary(facts: Facts) -> JsonObject:
        quorum = facts.producers.quorum
        return {"dynasty": facts.dynasty, "quorum": quorum, "items": rows(facts)}

    def sections(facts: Facts) -> list[Section]:
        names = {str(item["producer"]): item["name"] for item in rows(facts)}
        return [{"dynasty": facts.dynasty, "quorum": facts.producers.quorum}, names]

    return Asked(_prove_producers, summary, sections)


async def _prove_producers(client: LightClient) -> Proved:
    """The rows of exactly the members of the set that proves them; raises TimedOut."""
    proved = await client.ask(AskFinal())
    for _ in range(MAX_TRIES):
        asked = proved.facts.producers
        keys = tuple(PRODUCERS.state_key(member.producer) for member in asked.members)
        proved = await client.ask(AskRows(keys))
        if proved.facts.producers.hash == asked.hash:
            return proved
    raise TimedOut("the producer set changes faster than it can be asked for: try again")


def parameter(name: str) -> Asked:
    """A parameter's value."""
    if name not in REGISTRY.parameters:
        known = ", ".join(REGISTRY.parameters)
        argument("NAME", _unknown(f"no parameter {name[:80]!r}; known are {known}"), name)
    declared, key = REGISTRY.parameters[name], VALUES.state_key(name)

    def summary(facts: Facts) -> JsonObject:
        value = facts.rows[key]
        is_set = value is not None
        found = declared.default if value is None else ParameterValue.decode(value).value
        return {"parameter": name, "value": str(found), "unit": declared.unit, "is_set": is_set}

    def sections(facts: Facts) -> list[Section]:
        return [summary(facts)]

    return Asked(_asking(AskRows((key,))), summary, sections)


def supply(session: Session, asset: str | None) -> Asked:
    """How much of an asset there is."""
    symbol = asset or session.constants.native_asset
    key = argument("ASSET", ASSETS.state_key, symbol)

    def found(facts: Facts) -> AssetRow | None:
        value = facts.rows[key]
        return None if value is None else AssetRow.decode(value)

    def summary(facts: Facts) -> JsonObject:
        row = found(facts)
        if row is None:
            return {"asset": symbol, "supply": None, "row": None}
        return {"asset": symbol, "supply": str(row.minted - row.burned), "row": row.to_json()}

    def sections(facts: Facts) -> list[Section]:
        row = found(facts)
        if row is None:
            return [{"asset": symbol}, "no such asset"]
        amounts = {
            "supply": row.minted - row.burned,
            "minted": row.minted,
            "burned": row.burned,
            "cap": row.cap,
        }
        shown = {name: format_amount(units, row.decimals) for name, units in amounts.items()}
        return [{"asset": f"{symbol}, {row.name}", **shown}]

    return Asked(_asking(AskRows((key,))), summary, sections)


def _asking(question: Question) -> Prove:
    async def prove(client: LightClient) -> Proved:
        return await client.ask(question)

    return prove


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise Usage(f"a whole number is expected, got {text!r}", field=name)
    kind = Uint()
    return argument(name, lambda spelled: kind.from_json(json_of_text(kind, spelled)), text)


def _unknown(sentence: str) -> Callable[[str], None]:
    def refuse(_: str) -> None:
        raise InvalidEncoding(sentence)

    return refuse


def _block(session: Session, facts: Facts) -> JsonObject:
    return {} if facts.block is None else block_form(facts.block, session.saved.state.terms)


def _short_block(session: Session, facts: Facts) -> Section:
    shown = _block(session, facts)
    names = ("height", "block", "slot", "time", "producer")
    return {name: shown[name] for name in names if name in shown}
