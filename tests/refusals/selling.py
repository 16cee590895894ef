"""Stories of an app: a developer offers it, a user enables it and pays in it; gifts are won."""

from collections.abc import Iterator

from consensus.cid import RAW, cid_of
from tests.economies.chain import PEOPLE, POLICY
from tests.economies.walk import Step
from tests.refusals.story import Story, step_at
from vm.modules.apps import (
    Charge,
    Disable,
    Enable,
    Pay,
    Refund,
    Register,
    RemoveItem,
    SetItem,
    SetOfficial,
    SetSuspended,
    Update,
    Withdraw,
)
from vm.modules.gifts import HandOut, ListGift, StockUp

PRESET, NATIVE = "devnet", "REEL"
DEVELOPER, USER = PEOPLE[:2]
APP, ITEM, GIFT, PRICE, LIMIT = "chess", "sword", "rose", 100, 1_000
PAGE = cid_of(RAW, b"page")


def selling() -> Iterator[Story]:
    """All of them. A second app of another developer stands beside the one."""
    registered = [
        step_at(2, DEVELOPER, Register(APP, "game", "Chess", PAGE, NATIVE, takes_any_amount=True)),
        step_at(3, USER, Register("go-game", "game", "Go", PAGE, NATIVE, takes_any_amount=False)),
    ]
    yield _story(registered[0])
    offered = [*registered, step_at(4, DEVELOPER, SetItem(APP, ITEM, "A sword", PRICE))]
    yield _story(*offered)
    yield _story(*offered, step_at(5, DEVELOPER, RemoveItem(APP, ITEM)))
    yield _story(*offered, step_at(5, DEVELOPER, Update(APP, "Mended", PAGE, False)))
    yield _story(*offered, step_at(5, DEVELOPER, Withdraw(APP)))
    yield _story(*offered, step_at(5, POLICY, SetOfficial(APP, DEVELOPER, True)))
    yield _story(*offered, step_at(5, POLICY, SetSuspended(APP, DEVELOPER, True)))
    yield from _paying(offered)
    yield from _winning(registered)


def _paying(offered: list[Step]) -> Iterator[Story]:
    """The user pays for an item, and is charged for another."""
    enabled = [*offered, step_at(5, USER, Enable(APP, LIMIT))]
    yield _story(*enabled)
    yield _story(*enabled, step_at(6, USER, Disable(APP)))
    paid = [*enabled, step_at(6, USER, Pay(APP, ITEM, PRICE, "order 7"))]
    yield _story(*paid)
    yield _story(*enabled, step_at(6, DEVELOPER, Charge(APP, USER, ITEM, PRICE, "order 8")))
    yield _story(*paid, step_at(7, DEVELOPER, Refund(APP, 1)))


def _winning(registered: list[Step]) -> Iterator[Story]:
    """The developer pays for roses, and hands one out."""
    listed = [*registered, step_at(4, POLICY, ListGift(GIFT, NATIVE, PRICE, PAGE))]
    stocked = [*listed, step_at(5, DEVELOPER, StockUp(APP, GIFT, 3))]
    yield _story(*stocked)
    yield _story(*stocked, step_at(6, DEVELOPER, HandOut(APP, GIFT, USER)))


def _story(*steps: Step) -> Story:
    return Story(PRESET, steps)
