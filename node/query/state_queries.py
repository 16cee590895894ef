"""Answers about the state: accounts, rows of tables, parameters. Any thread may call."""

from collections.abc import Callable, Sequence

from consensus.errors import Invalid
from consensus.kinds import JsonObject
from node.events import place_of
from node.query.answers import (
    MAX_PAGE,
    AccountAnswer,
    Holding,
    ManaInfo,
    ParameterInfo,
    ParametersAnswer,
    RowAnswer,
    RowItem,
    RowsAnswer,
    TableInfo,
    TablesAnswer,
)
from node.query.chain_view import ChainView, NotFound
from node.query.cursor import make_cursor, read_key_cursor
from vm.declare import sentence_of
from vm.forms import row_schema, row_to_json
from vm.modules.account import account_named, attester_of, authority_of, handle_of, next_nonce
from vm.modules.mana import mana_of
from vm.modules.rewards import settled
from vm.modules.tokens import BALANCES
from vm.registry import REGISTRY
from vm.table import KeyPart, TableDeclaration


def table_named(name: str) -> TableDeclaration:
    """A declared table; raises NotFound."""
    try:
        return REGISTRY.table_named(name)
    except Invalid as error:
        raise NotFound(error.message, field="table") from None


def tables() -> TablesAnswer:
    """All declared tables."""
    return TablesAnswer(tuple(table_info(table) for table in REGISTRY.tables.values()))


def table_info(table: TableDeclaration) -> TableInfo:
    """A table's declaration."""
    return TableInfo(
        table.name,
        sentence_of(table.row),
        tuple(field.name for field in table.key),
        row_schema(table),
    )


def rows(
    view: ChainView, name: str, first_parts: Sequence[str], limit: int, cursor: str | None
) -> RowsAnswer:
    """Rows under the first key parts, as a person spells them, in the order of their keys.

    Raises NotFound for the table, InvalidEncoding for a part or the cursor.
    """
    table = table_named(name)
    prefix = table.prefix(*_key_parts(table, first_parts))
    found, following = scan(view, prefix, limit, cursor)
    items = tuple(_row_item(key, value) for key, value in found)
    return RowsAnswer(items, following, place_of(view.block))


def row(view: ChainView, name: str, parts: Sequence[str]) -> RowAnswer:
    """One row; raises NotFound, or InvalidEncoding for a part of its key."""
    table = table_named(name)
    key = table.state_key(*_key_parts(table, parts))
    value = view.state.get(key)
    if value is None:
        raise NotFound(f"{name} has no row {'/'.join(parts)} at height {view.block.height}")
    return RowAnswer(_row_item(key, value), place_of(view.block))


def _key_parts(table: TableDeclaration, texts: Sequence[str]) -> tuple[KeyPart, ...]:
    try:
        return table.key_from_text(texts)
    except Invalid as error:
        raise error.within("key") from None


def _row_item(key: bytes, value: bytes) -> RowItem:
    form = row_to_json(key, value)
    return RowItem(str(form["table"]), _object(form["key"]), _object(form["row"]))


def _object(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError("a row's key and fields are JSON objects")
    return value


def scan(
    view: ChainView, prefix: bytes, limit: int, cursor: str | None, first: bytes | None = None
) -> tuple[list[tuple[bytes, bytes]], str | None]:
    """A page of rows, from the key `first` on if it is named, and the cursor of the next; a cursor
    belongs to its prefix."""
    listing = f"rows under {prefix.hex()}"
    last = read_key_cursor(listing, cursor)
    start = (first or prefix) if last is None else last + b"\x00"
    found = view.state.scan(prefix, start=start, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    return found[:limit], make_cursor(listing, found[limit - 1][0])


def account_of(view: ChainView, account: bytes | str) -> bytes:
    """The account of an id or of a handle; raises NotFound for a handle that none has."""
    if isinstance(account, bytes):
        return account
    found = account_named(view.state, account)
    if found is None:
        raise NotFound(f"no account has the handle @{account}", field="address")
    return found


def account(
    view: ChainView, account_id: bytes, waiting_nonce: Callable[[bytes], int]
) -> AccountAnswer:
    """An account's first MAX_PAGE balances, by asset, its rewards, mana, nonces and authority."""
    balances = BALANCES.scan(view.state, account_id, limit=MAX_PAGE)
    return AccountAnswer(
        account=account_id,
        balances=tuple(Holding(asset, balance.amount) for (_, asset), balance in balances),
        claimable=settled(view.state, account_id).earned.units,
        mana=_mana(view, account_id),
        nonce=next_nonce(view.state, account_id),
        next_nonce=waiting_nonce(account_id),
        authority=authority_of(view.state, account_id),
        handle=handle_of(view.state, account_id),
        attester=attester_of(view.state, account_id),
        at=place_of(view.block),
    )


def _mana(view: ChainView, account_id: bytes) -> ManaInfo:
    mana = mana_of(view.state, account_id, view.time_ms)
    return ManaInfo(mana.gas, mana.max_gas, view.time_ms + (mana.wait_ms(mana.max_gas) or 0))


def parameters(view: ChainView) -> ParametersAnswer:
    """All parameters by name."""
    return ParametersAnswer(
        tuple(
            ParameterInfo(
                parameter.name,
                parameter.read(view.state),
                parameter.default,
                parameter.minimum,
                parameter.maximum,
                parameter.unit,
                parameter.sentence,
            )
            for parameter in REGISTRY.parameters.values()
        ),
        place_of(view.block),
    )
