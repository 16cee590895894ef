"""A light client that asks several nodes at once and believes what their answers prove.

A node that lies is named and its answer kept; a slow one is passed over; of several good answers
the newest counts. What was once seen final stays so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import trio

from consensus.errors import InvalidProof
from consensus.finality_proof import FinalityProof
from consensus.light import (
    BEHIND,
    CONFLICTING_FINAL,
    DynastyStep,
    LightState,
    conflict,
    follow_dynasties,
)
from consensus.light_answer import (
    MAX_STEPS,
    Facts,
    LightAnswer,
    decode_answer,
    decode_steps,
    verify_answer,
)
from consensus.record import replace
from node.failure import Failure, ProofFailed, Refused, TimedOut
from node.light.answers import NOT_YET_FINAL, TOO_MANY_STEPS
from node.light.evidence import CONFLICT, LIE, LightEvidence, shortened
from node.light.questions import Query, Question

ASK_AGAIN_S = 0.25
PATIENCE_S = 1.0  # for the others, once a node has proved an answer

Keep: TypeAlias = Callable[[str, LightEvidence], Path | None]


class LightNode(Protocol):
    """A node to ask (node.client.Client)."""

    base_url: str

    async def light(self, path: str, query: Query) -> bytes:
        """The bytes under /v1/light/; raises a Failure."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A node's answer with what it proves: facts, and the client's state that follows.

    `answer` has all steps from where the client begins.
    """

    node: str
    data: bytes
    answer: LightAnswer
    facts: Facts
    state: LightState

    @property
    def newest(self) -> FinalityProof:
        """What proves the state's final block."""
        return FinalityProof(self.answer.target, self.answer.certificate, (self.answer.final,))


@dataclass(frozen=True, slots=True)
class _Failed:
    """A node that has proved nothing, why, and what it said, if it said anything."""

    node: str
    error: Failure | InvalidProof
    data: bytes = b""

    @property
    def code(self) -> str:
        """The code of what went wrong."""
        return self.error.code

    @property
    def is_lie(self) -> bool:
        """Whether its answer is wrong, and not only old."""
        return isinstance(self.error, InvalidProof) and self.code != BEHIND


class LightClient:
    """Asks `nodes`, each for at most `timeout_s` seconds.

    `state` is what is known, and follows the answers; `newest` what proved its final block. Steps
    begin at `begin`, which is `state` unless answers must prove themselves from further back.
    `report` is told what is wrong with single nodes, `progress` how far pages of steps have led,
    `keep` is given evidence.
    """

    def __init__(
        self,
        nodes: Sequence[LightNode],
        state: LightState,
        *,
        newest: FinalityProof | None = None,
        begin: LightState | None = None,
        timeout_s: float,
        report: Callable[[str], None],
        keep: Keep,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.state = state
        self.newest = newest
        self._nodes = nodes
        self._begin = begin
        self._timeout_s = timeout_s
        self._report = report
        self._progress = progress
        self._keep = keep

    async def ask(self, question: Question) -> Proved:
        """The newest proved answer.

        Raises ProofFailed if a node shows another final history, or if no answer is proved and
        one is wrong; else what kept the nodes from answering.
        """
        proved: list[Proved] = []
        failed: dict[str, _Failed] = {}
        async with trio.open_nursery() as nursery:
            scope = nursery.cancel_scope

            async def ask_one(node: LightNode) -> None:
                outcome = await self._outcome(node, question)
                if isinstance(outcome, _Failed):
                    failed[node.base_url] = outcome
                    return
                proved.append(outcome)
                scope.deadline = min(scope.deadline, trio.current_time() + PATIENCE_S)

            for node in self._nodes:
                nursery.start_soon(ask_one, node)
        for node in self._nodes:
            if node.base_url not in failed and all(p.node != node.base_url for p in proved):
                failed[node.base_url] = _too_slow(node.base_url)
        self._refuse_conflicts(question, proved, list(failed.values()))
        return self._newest_of(question, proved, list(failed.values()))

    async def _outcome(self, node: LightNode, question: Question) -> Proved | _Failed:
        way = _Way(node, self._begin or self.state, self._progress)
        with trio.move_on_after(self._timeout_s):
            try:
                return await self._prove(way, question)
            except Failure as error:
                return _Failed(node.base_url, error)
        return _too_slow(node.base_url, way.waiting)

    async def _prove(self, way: "_Way", question: Question) -> Proved | _Failed:
        """The answer at the end of a node's way, judged."""
        node = way.node.base_url
        try:
            await way.follow(question)
            after, facts = verify_answer(way.state, way.last)
            if self._begin is not None:
                after, facts = verify_answer(self.state, way.answer_from(self.state.dynasty))
            question.check(facts)
        except InvalidProof as error:
            return _Failed(node, error, way.data)
        return Proved(node, way.data, way.answer_from(0), facts, after)

    def _refuse_conflicts(
        self, question: Question, proved: Sequence[Proved], failed: Sequence[_Failed]
    ) -> None:
        """Stop if anybody shows another final history than is known, or than another shows."""
        for lie in failed:
            if isinstance(lie.error, InvalidProof) and lie.code == CONFLICTING_FINAL:
                raise self._blame(CONFLICT, question, lie, self.state, self.newest)
        by_height: dict[int, Proved] = {}
        for item in proved:
            first = by_height.setdefault(item.state.final.height, item)
            if first.state.final.id != item.state.final.id:
                error = conflict(item.state.final.id, first.state.final)
                other = _Failed(item.node, error, item.data)
                raise self._blame(CONFLICT, question, other, first.state, first.newest)

    def _newest_of(
        self, question: Question, proved: Sequence[Proved], failed: Sequence[_Failed]
    ) -> Proved:
        failures = [self._failure(question, item) for item in failed]
        if not proved:
            worst = min(failures, key=_gravity)
            for item, failure in zip(failed, failures, strict=True):
                if failure is not worst:
                    self._report(_naming(item.node, failure))
            raise worst
        for item, failure in zip(failed, failures, strict=True):
            self._report(_naming(item.node, failure))
        newest = max(proved, key=lambda item: item.state.final.height)
        self.state, self.newest = newest.state, newest.newest
        return newest

    def _failure(self, question: Question, item: _Failed) -> Failure:
        if item.is_lie:
            return self._blame(LIE, question, item, self.state, self.newest)
        if isinstance(item.error, Failure):
            return item.error
        return ProofFailed(
            f"{item.error.message}; {item.node} is behind",
            field=item.error.field,
            code=item.error.code,
        )

    def _blame(
        self,
        kind: str,
        question: Question,
        item: _Failed,
        state: LightState,
        newest: FinalityProof | None,
    ) -> ProofFailed:
        """The failure that names a node whose answer is kept as evidence."""
        evidence = LightEvidence(
            node=shortened(item.node),
            asked=shortened(question.path),
            failed=shortened(str(item.error)),
            state=state,
            newest=newest,
            answer=item.data,
        )
        path = self._keep(kind, evidence)
        kept = "is not kept, there is enough evidence already" if path is None else f"is in {path}"
        return ProofFailed(
            f"{item.error.message}; the answer of {item.node} proves nothing and {kept}: ask "
            "another node",
            field=item.error.field,
            code=item.error.code,
        )


class _Way:
    """A node's way from a state on: pages of steps if there are many, and then an answer, `last`.

    `data` is what it sent at last, `state` where the pages lead to, `waiting` why there is no
    answer yet.
    """

    def __init__(self, node: LightNode, state: LightState, progress: Callable[[str], None]) -> None:
        self.state = state
        self.data = b""
        self.waiting = ""
        self.node = node
        self._progress = progress
        self._steps: list[DynastyStep] = []

    async def follow(self, question: Question) -> None:
        """Take steps until the node has an answer; raises InvalidProof and Failure."""
        while True:
            try:
                query = {**question.query, "dynasty": self.state.dynasty}
                self.data = await self.node.light(question.path, query)
            except Refused as refusal:
                if refusal.code == TOO_MANY_STEPS:
                    await self._take_steps()
                elif refusal.code == NOT_YET_FINAL:
                    self.waiting = f": {refusal.message}"
                    await trio.sleep(ASK_AGAIN_S)
                else:
                    raise
            else:
                self.last = decode_answer(self.data)
                return

    async def _take_steps(self) -> None:
        self.data = await self.node.light("steps", {"dynasty": self.state.dynasty})
        page = decode_steps(self.data)
        if not page or len(self._steps) + len(page) > MAX_STEPS:
            raise InvalidProof("steps without end", field="dynasty steps")
        self.state = follow_dynasties(self.state, page)
        self._steps.extend(page)
        self._progress(f"{self.node.base_url}: followed to dynasty {self.state.dynasty}")

    def answer_from(self, dynasty: int) -> LightAnswer:
        """The answer with all steps from a dynasty on."""
        steps = (*self._steps, *self.last.steps)
        return replace(self.last, steps=tuple(s for s in steps if s.limbo.dynasty >= dynasty))


def _naming(node: str, failure: Failure) -> str:
    """What one of several nodes failed at, with its name."""
    text = str(failure)
    return text if node in text else f"{node}: {text}"


def _too_slow(node: str, why: str = "") -> _Failed:
    return _Failed(node, TimedOut(f"the node at {node} proves nothing in time{why}"))


def _gravity(failure: Failure) -> int:
    """What people should hear first when no node has proved an answer."""
    if isinstance(failure, ProofFailed):
        return 1 if failure.code == BEHIND else 0
    if isinstance(failure, Refused):
        return 2
    return 3 if isinstance(failure, TimedOut) else 4
