"""Modules declare what they add to the chain, each thing once and typed.

From the declarations follow codec, gas, receipts, API and command-line schemas and the
reference page; `vm.registry` lists the modules. Every name is `module.thing`.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, TypeVarTuple

from consensus.errors import ActionFailed, InvalidTransaction
from consensus.record import Record
from vm.context import Context
from vm.parameter import Parameter
from vm.table import Table, TableDeclaration, key_fields
from vm.view import View

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ERROR_NAME = re.compile(r"[a-z][a-z0-9-]*")
GOVERNED_GAS = 20_000

Invariant: TypeAlias = Callable[[View], Iterator[str]]
BlockStep: TypeAlias = Callable[[Context], None]


class Action(Record):
    """Base of what a transaction can hold; its docstring is its sentence in the reference.

    `apply` makes its changes or raises ActionFailed (by a declared error); what it changed
    before raising is undone.
    """

    def apply(self, context: Context) -> None:
        """Carry out the action for `context.sender`."""
        raise NotImplementedError

    def derived_gas(self, view: View) -> int:
        """Gas above the fixed cost, a function of the action's fields and of parameters only."""
        return 0

    @property
    def subject(self) -> str:
        """What a governed action is about (a parameter, a body, a pot…), so that a policy can be
        for that alone; empty if there is nothing of the kind."""
        return ""

    @property
    def scope(self) -> str:
        """Its type, or `type:subject` if it has a subject."""
        return f"{self.tag}:{self.subject}" if self.subject else self.tag

    def in_words(self) -> str:
        """What a governed action will do, as a sentence of a proposal."""
        raise NotImplementedError

    def exemption(self, sender: bytes) -> bytes | None:
        """The key of the row that it writes for good, if `sender` may send it for nothing: once the
        row is there, none of its kind succeeds. None: a fee or mana pays for it."""
        return None

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        """Keys of rows that it will read or write, as far as it pays to read them ahead: those
        that are others in each transaction. Nothing else depends on them."""
        return ()


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A stable code, part of the API, and the sentence that explains it."""

    code: str
    sentence: str

    def failed(self, message: str = "", *, field: str = "") -> ActionFailed:
        """An action's failure: its transaction pays its fee and changes nothing else."""
        return ActionFailed(message or self.sentence, field=field, code=self.code)

    def refused(self, message: str = "", *, field: str = "") -> InvalidTransaction:
        """The refusal of a transaction, which then no block may contain."""
        return InvalidTransaction(message or self.sentence, field=field, code=self.code)


@dataclass(frozen=True, slots=True)
class ActionDeclaration:
    """An action's class and the fixed part of its gas; whether it is a duty: one that a producer's
    consensus key may send without a fee; whether it is free: mana may pay for it; and whether it is
    governed: in no transaction, but carried out by a proposal that passed."""

    type: type[Action]
    gas: int
    duty: bool
    free: bool
    governed: bool

    def __post_init__(self) -> None:
        without_fee = self.duty or self.free or self.has_exemption
        if self.governed and (without_fee or self.has_derived_gas or self.gas > GOVERNED_GAS):
            raise ValueError(
                f"{self.type.tag}: what is governed costs at most {GOVERNED_GAS} gas, paid by who "
                "proposes it, whatever its fields; it is neither a duty, free nor exempt"
            )
        if self.governed and self.type.in_words is Action.in_words:
            raise ValueError(f"{self.type.tag}: a proposal says in words what it will do")

    @property
    def has_derived_gas(self) -> bool:
        """Whether the action's fields add to its gas."""
        return self.type.derived_gas is not Action.derived_gas

    @property
    def has_exemption(self) -> bool:
        """Whether some accounts may send the action for nothing."""
        return self.type.exemption is not Action.exemption


A = TypeVar("A", bound=Action)
R = TypeVar("R", bound=Record)
K = TypeVarTuple("K")
I = TypeVar("I", bound=Invariant)  # noqa: E741
B = TypeVar("B", bound=BlockStep)


class Module:
    """A named collection of declarations. Raises ValueError for one that is malformed."""

    def __init__(self, name: str, sentence: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a module name: {name!r}")
        self.name = name
        self.sentence = sentence
        self.actions: list[ActionDeclaration] = []
        self.events: list[type[Record]] = []
        self.tables: list[TableDeclaration] = []
        self.errors: list[ErrorCode] = []
        self.parameters: list[Parameter] = []
        self.invariants: list[Invariant] = []
        self.block_steps: list[BlockStep] = []
        self.end_steps: list[BlockStep] = []

    def action(
        self, *, gas: int, duty: bool = False, free: bool = False, governed: bool = False
    ) -> Callable[[type[A]], type[A]]:
        """Declare a record (tag `module.verb`) as an action of fixed cost `gas`.

        A `duty` must be such that it can succeed only once: a producer's node may send it
        without a fee. What is `free` may be paid with mana in place of a fee: what a
        member does every day. What is `governed` stands in a proposal; its `context.sender` is
        the policy that let it pass.
        """

        def declare(cls: type[A]) -> type[A]:
            self._check_record(cls)
            self.actions.append(ActionDeclaration(cls, gas, duty, free, governed))
            return cls

        return declare

    def event(self, cls: type[R]) -> type[R]:
        """Declare a record (tag `module.happened`) as an event."""
        self._check_record(cls)
        self.events.append(cls)
        return cls

    def table(self, row: type[R], **key: object) -> Table[R, *K]:
        """Declare a table: the row's record (tag `module.rows`) and its named key parts.

        The caller's annotation gives the types of the parts, as in `Table[Balance, bytes, str]`.
        """
        table: Table[R, *K] = Table(row, key_fields(key))
        self.adopt_table(table)
        return table

    def adopt_table(self, table: TableDeclaration) -> None:
        """Declare a table that was made before its module."""
        self._check_record(table.row)
        self.tables.append(table)

    def error(self, name: str, sentence: str) -> ErrorCode:
        """Declare an error code `module.name`."""
        if not _ERROR_NAME.fullmatch(name):
            raise ValueError(f"not an error name: {name!r}")
        error = ErrorCode(f"{self.name}.{name}", sentence)
        self.errors.append(error)
        return error

    def parameter(
        self, name: str, *, default: int, minimum: int, maximum: int, unit: str, sentence: str
    ) -> Parameter:
        """Declare a parameter `module.name` and its bounds, both inclusive."""
        made = Parameter(f"{self.name}.{name}", default, minimum, maximum, unit, sentence)
        self.parameters.append(made)
        return made

    def invariant(self, check: I) -> I:
        """Declare a check of a whole state, which yields a sentence for each thing wrong."""
        self.invariants.append(check)
        return check

    def begin_block(self, step: B) -> B:
        """Declare a step run before a block's transactions; it may raise InvalidBlock."""
        self.block_steps.append(step)
        return step

    def end_block(self, step: B) -> B:
        """Declare a step run after a block's transactions; it must not fail."""
        self.end_steps.append(step)
        return step

    def _check_record(self, cls: type[Record]) -> None:
        module, _, name = cls.tag.partition(".")
        if module != self.name or not _NAME.fullmatch(name):
            raise ValueError(f"{cls.__name__}: the tag {cls.tag!r} is not {self.name}.<name>")
        if any(field.name == "type" for field in cls.fields):
            raise ValueError(f"{cls.tag}: a field named 'type' would hide the type in JSON")
        sentence_of(cls)


def sentence_of(cls: type[Record]) -> str:
    """A record's docstring as one paragraph; raises ValueError if it has none of its own."""
    text = inspect.cleandoc(cls.__doc__ or "")
    if not text or text.startswith(f"{cls.__name__}("):  # the dataclass's stand-in
        raise ValueError(f"{cls.tag}: a docstring is needed; it is the reference page's sentence")
    return " ".join(text.split())
