"""Items: what is sold in an app, so that a payment says what was bought."""

from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import (
    APPS,
    ITEMS,
    MOST_ITEMS,
    AppName,
    Item,
    ItemName,
    apps,
    item_row,
    own_app,
)
from vm.modules.content import Title
from vm.modules.tokens import PositiveAmount

TOO_MANY_ITEMS = apps.error("too-many-items", "An app has at most 64 items.")


@apps.event
@record("apps.item_set")
class ItemSet(Record):
    """An item is sold in an app at this price from now on; null: no more."""

    app: AppName
    item: ItemName
    price: PositiveAmount | None


@apps.action(gas=5_000)
@record("apps.set_item")
class SetItem(Action):
    """As its developer, sell an item in an app, or change its title and price (T11)."""

    app: AppName
    item: ItemName
    title: Title
    price: PositiveAmount

    def apply(self, context: Context) -> None:
        state, row = context.state, own_app(context.state, context.sender, self.app)
        if ITEMS.get(state, self.app, self.item) is None:
            if row.items == MOST_ITEMS:
                raise TOO_MANY_ITEMS.failed(field="item")
            APPS.put(state, replace(row, items=row.items + 1), self.app)
        ITEMS.put(state, Item(self.title, self.price), self.app, self.item)
        context.emit(ItemSet(self.app, self.item, self.price))


@apps.action(gas=4_000)
@record("apps.remove_item")
class RemoveItem(Action):
    """As its developer, sell an item no more (T11); what was bought of it stays bought."""

    app: AppName
    item: ItemName

    def apply(self, context: Context) -> None:
        state, row = context.state, own_app(context.state, context.sender, self.app)
        item_row(state, self.app, self.item)
        ITEMS.delete(state, self.app, self.item)
        APPS.put(state, replace(row, items=row.items - 1), self.app)
        context.emit(ItemSet(self.app, self.item, None))
