"""The set-up of a chain: governed actions that its genesis carries out, in order, as if a proposal
had passed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from consensus.address import format_address
from consensus.cid import DAG_CBOR, cid_of
from consensus.codec import Wire
from consensus.errors import Invalid, InvalidGenesis
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.kinds import Json, JsonObject, Text
from consensus.producers import ProducerSet
from consensus.record import kind_of
from vm.context import BlockContext
from vm.forms import GOVERNED
from vm.modules.gov import policy_id
from vm.overlay import Overlay
from vm.registry import REGISTRY
from vm.running import Running

SETUP_SENDER = policy_id("genesis")
ROLE_MARK = "@"

RoleName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]*")]


@dataclass(frozen=True, slots=True)
class Setup:
    """`roles`: accounts that the set-up names as `@role`, each with a sentence that says whose it
    is; `actions`: what genesis carries out, in the actions' JSON form."""

    roles: Mapping[str, str]
    actions: Sequence[JsonObject]

    def wires(self, accounts: Mapping[str, bytes]) -> list[list[Wire]]:
        """The actions, with these accounts in their roles; raises InvalidGenesis naming
        `setup[i]` and the field, or the role that no account is given for."""
        for role in self.roles:
            if role not in accounts:
                raise InvalidGenesis(
                    f"no account is given for {ROLE_MARK}{role}: {self.roles[role]}",
                    field=f"accounts.{role}",
                )
        return [self._wire(i, action, accounts) for i, action in enumerate(self.actions)]

    def in_words(self, accounts: Mapping[str, bytes]) -> list[str]:
        """A sentence for each action."""
        return [REGISTRY.unpack_governed(wire).in_words() for wire in self.wires(accounts)]

    def _wire(self, i: int, action: JsonObject, accounts: Mapping[str, bytes]) -> list[Wire]:
        try:
            return GOVERNED.from_json(_filled(action, accounts))
        except Invalid as error:
            raise error.within(f"setup[{i}]") from None


NO_SETUP = Setup({}, ())


def parse_setup(roles: Mapping[str, Json], actions: Json) -> Setup:
    """Read the section `[accounts]` and the entries `[[setup]]`; raises Invalid naming the key at
    fault."""
    for role, sentence in roles.items():
        if not isinstance(sentence, str):
            raise InvalidGenesis("a sentence that says whose it is", field=f"accounts.{role}")
        try:
            kind_of(RoleName).unpack(role)
        except Invalid as error:
            raise error.within(f"accounts.{role}") from None
    if not isinstance(actions, list):
        raise InvalidGenesis("entries [[setup]] are expected", field="setup")
    entries = [entry for entry in actions if isinstance(entry, dict)]
    made = Setup({role: str(sentence) for role, sentence in roles.items()}, entries)
    made.wires(stand_ins(made.roles))
    return made


def stand_ins(roles: Mapping[str, str]) -> dict[str, bytes]:
    """An account of nobody for each role, to check a set-up with."""
    return {role: sha256(f"{ROLE_MARK}{role}".encode()) for role in roles}


def carry_out(
    state: Overlay,
    setup: Setup,
    accounts: Mapping[str, bytes],
    members: ProducerSet,
    genesis_time_ms: int,
) -> None:
    """Carry the set-up out on a chain's first state, as a block on it would; raises InvalidGenesis
    naming `setup[i]` and the field."""
    wires = setup.wires(accounts)
    if not wires:
        return
    running = Running(_first_block(members, genesis_time_ms), Overlay(state), REGISTRY)
    context = running.context(SETUP_SENDER, None)
    for i, wire in enumerate(wires):
        failure = context.declared.carry_out(SETUP_SENDER, [wire])
        if failure is not None:
            field = failure.field.replace("[0]", f"setup[{i}]", 1)
            raise InvalidGenesis(f"{failure.message} ({failure.code})", field=field)
    for step in REGISTRY.end_steps:
        step(context)
    for key, value in running.state.writes().items():
        state.delete(key) if value is None else state.put(key, value)


def _filled(value: Json, accounts: Mapping[str, bytes]) -> Json:
    """The value with the addresses of the accounts that it names by their roles."""
    if isinstance(value, str) and value.startswith(ROLE_MARK):
        account = accounts.get(value.removeprefix(ROLE_MARK))
        return value if account is None else format_address(account)
    if isinstance(value, list):
        return [_filled(item, accounts) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, accounts) for name, item in value.items()}
    return value


def _first_block(members: ProducerSet, genesis_time_ms: int) -> BlockContext:
    """The genesis, as the block that the set-up is in."""
    return BlockContext(
        chain=ZERO_DIGEST,
        parent=cid_of(DAG_CBOR, b""),
        height=0,
        slot=0,
        time_ms=genesis_time_ms,
        producer=SETUP_SENDER,
        reveal=ZERO_DIGEST,
        beacon=ZERO_DIGEST,
        epoch=0,
        epoch_beacon=ZERO_DIGEST,
        dynasty=0,
        members=members,
        final_height=0,
        handover_slot=0,
        handover_height=0,
        voters=(),
    )
