"""Running actions on the state of one block: all of a list, or none of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from consensus.codec import Wire
from consensus.errors import ActionFailed, Invalid
from consensus.record import Record
from vm.context import BlockContext, Context
from vm.declare import Action
from vm.overlay import Overlay
from vm.parameter import Parameter
from vm.receipt import Event
from vm.registry import Registry


class Running:
    """One block's state as actions change it, and the events so far. `events` and `state` are
    its own: both go back together."""

    def __init__(self, block: BlockContext, state: Overlay, registry: Registry) -> None:
        self._block = block
        self._registry = registry
        self.state = state
        self.events: list[Event] = []

    def context(self, sender: bytes, transaction: int | None) -> Context:
        """What an action of `sender` sees in this transaction (None: in a step of the block)."""
        declared = _Declared(self, self._registry, transaction)
        return Context(self._block, self.state, sender, self._emitter(transaction), declared)

    def run(
        self, sender: bytes, actions: Sequence[Action], transaction: int | None
    ) -> tuple[int, ActionFailed] | None:
        """All or nothing: None, or the place of the action that failed and why it did."""
        context, before = self.context(sender, transaction), self.savepoint()
        for i, action in enumerate(actions):
            try:
                action.apply(context)
            except ActionFailed as error:
                self.rollback(before)
                return i, error
            except Invalid as error:
                raise RuntimeError(
                    f"{action.tag} raised a rejection that is not its own"
                ) from error
        return None

    def savepoint(self) -> tuple[int, int]:
        """A mark to give to `rollback`."""
        return self.state.savepoint(), len(self.events)

    def rollback(self, before: tuple[int, int]) -> None:
        """Undo all writes and events since the mark."""
        savepoint, first_event = before
        self.state.rollback(savepoint)
        del self.events[first_event:]

    def _emitter(self, transaction: int | None) -> Callable[[Record], None]:
        def emit(event: Record) -> None:
            self.events.append(Event(transaction, event.pack()))

        return emit


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a registry declares, run as part of a transaction or of a block's step."""

    running: Running
    registry: Registry
    transaction: int | None

    def parameter(self, name: str) -> Parameter | None:
        """See `vm.context.Declared`."""
        return self.registry.parameters.get(name)

    def governed_types(self) -> Collection[str]:
        """See `vm.context.Declared`."""
        return [tag for tag, declared in self.registry.actions.items() if declared.governed]

    def scopes(self, wires: Sequence[list[Wire]]) -> tuple[str, ...]:
        """See `vm.context.Declared`."""
        return tuple(action.scope for action in self._unpacked(wires))

    def carry_out(self, sender: bytes, wires: Sequence[list[Wire]]) -> ActionFailed | None:
        """See `vm.context.Declared`."""
        try:
            actions = self._unpacked(wires)
        except ActionFailed as error:
            return error
        failure = self.running.run(sender, actions, self.transaction)
        if failure is None:
            return None
        place, failed = failure
        inner = failed.within(f"[{place}]")
        return ActionFailed(inner.message, field=inner.field, code=inner.code)

    def _unpacked(self, wires: Sequence[list[Wire]]) -> list[Action]:
        actions: list[Action] = []
        for i, wire in enumerate(wires):
            try:
                actions.append(self.registry.unpack_governed(wire))
            except Invalid as error:
                inner = error.within(f"[{i}]")
                raise ActionFailed(inner.message, field=inner.field, code=inner.code) from None
        return actions
