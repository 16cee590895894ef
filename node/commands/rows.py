"""Rows of the chain's tables, as commands read them: typed, one by its key or a list by number."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, cast

from consensus.record import Record
from node.client import Client
from node.failure import Refused
from node.query.answers import RowItem
from node.query.chain_view import Finality
from vm.declare import ErrorCode
from vm.table import Table

R = TypeVar("R", bound=Record)
K = TypeVarTuple("K")


async def read_row(client: Client, table: Table[R, *K], *key: str, finality: Finality) -> R | None:
    """The row under this key, as a person spells it; None if there is none."""
    answer = await client.row(table.name, *key, finality=finality)
    return None if answer is None else cast(R, table.row.from_json(answer.item.row))


async def read_numbered(
    client: Client,
    table: Table[R, int],
    number: int,
    finality: Finality,
    *,
    missing: str,
    field: str,
    error: ErrorCode,
) -> R:
    """The row of this number; raises Refused with the sentence `missing`, the field and the error's
    code if there is none."""
    row = await read_row(client, table, str(number), finality=finality)
    if row is None:
        raise Refused(missing, field=field, code=error.code)
    return row


async def list_numbered(
    client: Client,
    table: Table[R, int],
    finality: Finality,
    *,
    most: int,
    wanted: Callable[[RowItem], bool] = lambda _: True,
) -> list[tuple[int, R]]:
    """The first rows that are wanted, by number; so many at most."""
    items = await client.first_rows(table.name, most=most, wanted=wanted, finality=finality)
    name = table.key[0].name
    return [(int(str(item.key[name])), cast(R, table.row.from_json(item.row))) for item in items]
