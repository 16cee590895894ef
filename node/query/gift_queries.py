"""Answers about gifts. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.gift_answers import GiftAnswer, GiftItem, GiftsAnswer, GivingsAnswer
from node.query.state_queries import scan
from vm.modules.gifts import CATALOGUE, FEE_PPM, GIVINGS, GIVINGS_KEPT, Gift
from vm.parameter import PARTS_PER_MILLION


def gifts(view: ChainView, limit: int, cursor: str | None) -> GiftsAnswer:
    """The catalogue; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, CATALOGUE.prefix(), limit, cursor)
    items = tuple(
        _item(view, cast(str, CATALOGUE.key_parts(key)[0]), Gift.decode(value))
        for key, value in found
    )
    return GiftsAnswer(items, following, place_of(view.block))


def gift(view: ChainView, name: str) -> GiftAnswer:
    """A gift of the catalogue; raises NotFound."""
    row = CATALOGUE.get(view.state, name)
    if row is None:
        raise NotFound(f"there is no gift {name} at height {view.block.height}")
    return GiftAnswer(_item(view, name, row), place_of(view.block))


def givings(view: ChainView, limit: int) -> GivingsAnswer:
    """Who gave what to whom, so many of the newest at most."""
    found = (row for _, row in GIVINGS.scan(view.state, limit=GIVINGS_KEPT))
    newest = sorted(found, key=lambda row: row.number, reverse=True)
    return GivingsAnswer(tuple(newest[:limit]), place_of(view.block))


def _item(view: ChainView, name: str, row: Gift) -> GiftItem:
    fee = row.price * FEE_PPM.read(view.state) // PARTS_PER_MILLION
    return GiftItem(name, row, fee, row.price - fee)
