"""A client that trusts a genesis file and nothing else: every row is proved or refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from consensus.block import Header
from consensus.certificate import split_certificate
from consensus.cid import Cid
from consensus.errors import InvalidProof
from consensus.kinds import JsonObject
from consensus.light import LightAnswer, decode_answer, genesis_state, verify_answer
from genesis.file import Genesis
from node.failure import ProofFailed
from vm.registry import REGISTRY

# Brings the bytes of some node's answer about a state key.
Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the state (None: there is no such row) after the final block `final`, proved.

    `signed` of the `producers` in the set voted for the block that makes `final` final.
    """

    key: bytes
    value: bytes | None
    final: Header
    final_id: Cid
    signed: int
    producers: int

    @property
    def row(self) -> JsonObject | None:
        """The row's fields in their JSON form; raises InvalidEncoding if it is no table's."""
        table = REGISTRY.table_of(self.key)
        return None if self.value is None else table.row.decode(self.value).to_json()


class LightClient:
    """Asks one node and believes what its answers prove, starting from genesis.

    What was once seen final stays so: a later answer about an older block is refused.
    """

    def __init__(self, genesis: Genesis, node: str, ask: Ask) -> None:
        self._state = genesis_state(genesis.header, genesis.producer_set)
        self._node = node
        self._ask = ask

    async def prove(self, key: bytes) -> Fact:
        """The row under a state key; raises ProofFailed whose field names the failed check."""
        data = await self._ask(key)
        try:
            answer = self._unknown_of(decode_answer(data))
            state, value = verify_answer(self._state, key, answer)
        except InvalidProof as error:
            raise ProofFailed(
                f"{error.message}; the answer of {self._node} proves nothing, ask another node",
                field=error.field,
                code=error.code,
            ) from error
        self._state = state
        signatures = split_certificate(answer.certificate, state.producers, field="certificate")
        return Fact(
            key, value, answer.final, state.final_id, len(signatures), len(state.producers.members)
        )

    def _unknown_of(self, answer: LightAnswer) -> LightAnswer:
        """The answer without the steps that lead up to what is known: nodes begin at genesis."""
        steps = tuple(s for s in answer.steps if s.limbo.dynasty >= self._state.dynasty)
        return replace(answer, steps=steps)
