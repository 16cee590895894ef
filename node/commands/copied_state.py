"""Rows of a node's state in a state of one's own, on which the chain's own rules then answer."""

from consensus.errors import InvalidEncoding
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.asking import KnownAsset
from node.query.answers import RowItem
from node.query.chain_view import Finality
from vm.modules.tokens import ASSETS
from vm.overlay import EmptyView, Overlay
from vm.table import KeyPart, TableDeclaration


def no_rows() -> Overlay:
    """A state without rows yet."""
    return Overlay(EmptyView())


async def copy_rows(
    client: Client,
    state: Overlay,
    table: TableDeclaration,
    *first_parts: str,
    finality: Finality = Finality.FINAL,
) -> None:
    """Copy the rows of a table, or those under these first key parts, as their JSON spells them."""
    async for item in client.rows(table.name, *first_parts, finality=finality):
        put_item(state, table, item)


async def copy_row(
    client: Client,
    state: Overlay,
    table: TableDeclaration,
    *key: str,
    finality: Finality = Finality.FINAL,
) -> None:
    """Copy the row under these key parts, as their JSON spells them, if there is one."""
    answer = await client.row(table.name, *key, finality=finality)
    if answer is not None:
        put_item(state, table, answer.item)


def put_item(state: Overlay, table: TableDeclaration, item: RowItem) -> None:
    """Put a row of a table, as a node answers it, into a state."""
    key = table.make_state_key(_key_parts(table, item.key))
    state.put(key, table.row.from_json(item.row).encode())


def format_units(state: Overlay, asset: str, units: int) -> str:
    """Units in whole tokens, with the symbol, by the asset's copied row."""
    row = ASSETS.get(state, asset)
    return KnownAsset(asset, 0 if row is None else row.decimals).format(units)


def _key_parts(table: TableDeclaration, key: JsonObject) -> list[KeyPart]:
    parts: list[KeyPart] = []
    for field in table.key:
        part = field.kind.from_json(key.get(field.name))
        if not isinstance(part, bytes | str | int):
            raise InvalidEncoding("a key part is bytes, text or a number", field=field.name)
        parts.append(part)
    return parts
