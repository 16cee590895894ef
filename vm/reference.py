"""The reference page of all modules, from their declarations.

`python -m vm.reference > docs/modules.md` writes it; a test checks that it is up to date.
"""

from collections.abc import Iterator, Sequence

from consensus.record import Record
from vm.declare import ActionDeclaration, Module, sentence_of
from vm.parameter import Parameter
from vm.registry import REGISTRY
from vm.table import TableDeclaration

_INTRODUCTION = """# Modules

Generated from the declarations in `vm/modules/` by `python -m vm.reference > docs/modules.md`.

Every action, event and row travels as the array `[type, version, field…]` in DAG-CBOR; in JSON
it is an object of the fields. A row lives at the state key `[table, key…]`. Amounts are in an
asset's smallest unit. The gas of an action comes on top of `fee.base_gas`, `fee.byte_gas` for
each byte of the transaction and `fee.signature_gas` for each signature; one marked + adds gas
that follows from its fields. A duty may also be sent by a producer's consensus key, without a fee.
A free action may be paid with mana in place of a fee. What is exempt costs some accounts nothing.
What is governed stands in no transaction: a proposal carries it out once it has passed.
"""


def reference() -> str:
    """The page in Markdown."""
    lines = [_INTRODUCTION]
    for module in REGISTRY.modules:
        lines += _module(module)
    return "\n".join(lines)


def _module(module: Module) -> Iterator[str]:
    yield f"## {module.name}\n\n{module.sentence}\n"
    for action in module.actions:
        yield from _action(action)
    for event in module.events:
        yield f"### Event `{event.tag}` version {event.version}\n\n{sentence_of(event)}\n"
        yield from _fields(event)
    for table in module.tables:
        yield from _table(table)
    if module.parameters:
        yield from _parameters(module.parameters)
    if module.errors:
        rows = [(f"`{error.code}`", error.sentence) for error in module.errors]
        yield from _grid(("error", "meaning"), rows)


def _action(action: ActionDeclaration) -> Iterator[str]:
    cls = action.type
    plus = "+" if action.has_derived_gas else ""
    marks = {
        "duty": action.duty,
        "free": action.free,
        "exempt": action.has_exemption,
        "governed": action.governed,
    }
    sent = "".join(f", {name}" for name, is_so in marks.items() if is_so)
    yield f"### Action `{cls.tag}` version {cls.version}, gas {action.gas:,}{plus}{sent}\n"
    yield f"{sentence_of(cls)}\n"
    yield from _fields(cls)


def _table(table: TableDeclaration) -> Iterator[str]:
    key = ", ".join(f"{field.name} ({field.kind.label})" for field in table.key)
    yield f"### Table `{table.name}` version {table.row.version}\n"
    yield f"{sentence_of(table.row)} Key: {key or 'none, there is one row'}.\n"
    yield from _fields(table.row)


def _fields(cls: type[Record]) -> Iterator[str]:
    if cls.fields:
        rows = [(f"`{field.name}`", field.kind.label) for field in cls.fields]
        yield from _grid(("field", "kind"), rows)


def _parameters(parameters: Sequence[Parameter]) -> Iterator[str]:
    rows = [
        (f"`{p.name}`", f"{p.default:,}", f"{p.minimum:,} to {p.maximum:,}", p.unit, p.sentence)
        for p in parameters
    ]
    yield from _grid(("parameter", "default", "bounds", "unit", "meaning"), rows)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


if __name__ == "__main__":
    print(reference(), end="")
