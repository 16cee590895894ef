"""A light client among several nodes: honest, lying, slow, old, and of another history."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from consensus.block import Header
from consensus.errors import InvalidProof
from consensus.light import (
    BEHIND,
    CONFLICTING_FINAL,
    LightAnchor,
    LightState,
    advance_final,
    place_of,
)
from consensus.light_answer import DynastySteps, LightAnswer, decode_answer, verify_answer
from consensus.light_rows import PROGRESS_KEY
from consensus.record import replace
from node.client_failures import Missing
from node.failure import Failure, ProofFailed, Refused, TimedOut, Unreachable
from node.light import client as light_client
from node.light.anchors import find_anchor
from node.light.answers import NOT_YET_FINAL, TOO_MANY_STEPS
from node.light.client import LightClient, Proved
from node.light.evidence import CONFLICT, LIE, MAX_FILES, EvidenceFolder, LightEvidence
from node.light.questions import (
    AskBlock,
    AskEvent,
    AskFinal,
    AskRows,
    AskTransaction,
    Query,
    Question,
)
from tests.consensus.light_chains import ABSENT, KEY, LISTS, VALUE, Chain, chain_of, seats

ROWS = AskRows((KEY, ABSENT))

Answer = Callable[[str, Query], Awaitable[bytes]]


@dataclass
class Node:
    """A node that answers as `answer` says."""

    base_url: str
    answer: Answer
    asked: list[tuple[str, object]] = field(default_factory=list)

    async def light(self, path: str, query: Query) -> bytes:
        """Its answer."""
        self.asked.append((path, query.get("dynasty")))
        await trio.lowlevel.checkpoint()
        return await self.answer(path, query)


def giving(make: Callable[[str, Query], bytes]) -> Answer:
    """Answers at once."""

    async def answer(path: str, query: Query) -> bytes:
        await trio.lowlevel.checkpoint()
        return make(path, query)

    return answer


def failing(error: Failure) -> Answer:
    """Has no answer."""

    def make(_path: str, _query: Query) -> bytes:
        raise error

    return giving(make)


def honest(chain: Chain, *, cut: int = 0) -> Answer:
    """Answers about the rows, or a past block; `cut` blocks are not known to it yet."""

    def make(path: str, query: Query) -> bytes:
        first = min(int(str(query["dynasty"])), chain.changes)
        keys = (KEY, ABSENT) if path == "rows" else ()
        height = int(path.rpartition("/")[2]) if path.startswith("blocks/") else None
        return older(chain, cut, first, keys, height).encode()

    return giving(make)


def older(
    chain: Chain, cut: int, first: int, keys: Sequence[bytes], height: int | None
) -> LightAnswer:
    """An answer of a node to which the newest blocks have not come."""
    answer = chain.answer(*keys, first=first, height=height)
    if not cut:
        return answer
    target, final, tree = (chain.headers[-1 - cut], chain.headers[-2 - cut], chain.trees[-2 - cut])
    rows = tree.answer_rows(*keys)
    return replace(
        answer,
        target=target,
        final=final,
        certificate=chain.certificate(target),
        **rows,
    )


def altered(chain: Chain, change: Callable[[LightAnswer], LightAnswer]) -> Answer:
    """Changes the honest answers."""

    async def answer(path: str, query: Query) -> bytes:
        return change(decode_answer(await honest(chain)(path, query))).encode()

    return answer


def lying(chain: Chain) -> Answer:
    """Hides a row."""
    return altered(
        chain,
        lambda answer: replace(answer, rows=tuple(replace(row, value=None) for row in answer.rows)),
    )


async def silent(_path: str, _query: Query) -> bytes:
    """Never answers."""
    await trio.sleep_forever()
    raise AssertionError


class Asker:
    """A client of these nodes, what it reports, and its evidence."""

    def __init__(self, folder: Path, chain: Chain, **options: object) -> None:
        self.chain = chain
        self.reports: list[str] = []
        self.folder = folder
        self.evidence = EvidenceFolder(folder)
        self.options = options

    def client(self, *answers: Answer) -> LightClient:
        """The client; the nodes are called n0, n1 and so on."""
        self.nodes = [Node(f"n{i}", answer) for i, answer in enumerate(answers)]
        state = self.options.pop("state", self.chain.start)
        return LightClient(
            self.nodes,
            state,  # type: ignore[arg-type]
            timeout_s=30,
            report=self.reports.append,
            keep=self.evidence.keep,
            **self.options,  # type: ignore[arg-type]
        )

    def ask(self, question: Question, *answers: Answer) -> Proved:
        """On virtual time."""
        client = self.client(*answers)
        proved: Proved = trio.run(
            client.ask, question, clock=trio.testing.MockClock(autojump_threshold=0)
        )
        return proved

    def refused(self, question: Question, *answers: Answer) -> Failure:
        """Why nothing is proved."""
        with pytest.raises(Failure) as caught:
            self.ask(question, *answers)
        return caught.value

    def kept(self, kind: str = LIE) -> list[LightEvidence]:
        """The evidence on disk."""
        files = sorted(self.folder.glob(f"{kind}-*.cbor"))
        return [LightEvidence.decode(file.read_bytes()) for file in files]


@pytest.fixture
def chain() -> Chain:
    return chain_of(2)


@pytest.fixture
def asker(tmp_path: Path, chain: Chain) -> Asker:
    return Asker(tmp_path / "evidence", chain)


def test_one_node_proves_rows(asker: Asker, chain: Chain) -> None:
    proved = asker.ask(ROWS, honest(chain))
    assert proved.facts.rows == {KEY: VALUE, ABSENT: None}
    assert proved.state.final == place_of(chain.headers[-2])
    assert (proved.node, asker.reports) == ("n0", [])
    again = advance_final(
        replace(proved.state, final=chain.start.final),
        proved.newest.target,
        proved.newest.certificate,
        proved.newest.final,
    )
    assert again == proved.state


def test_a_client_that_knows_more_asks_for_less(asker: Asker, chain: Chain) -> None:
    client = asker.client(honest(chain))

    async def twice() -> None:
        await client.ask(AskFinal())
        assert client.state.dynasty == 2
        assert client.newest is not None
        proved = await client.ask(ROWS)
        assert proved.answer.steps == ()

    trio.run(twice)
    assert asker.nodes[0].asked == [("final", 0), ("rows", 2)]


def test_the_newest_of_several_answers_counts(asker: Asker, chain: Chain) -> None:
    proved = asker.ask(ROWS, honest(chain, cut=1), honest(chain), honest(chain, cut=2))
    assert proved.node == "n1"
    assert proved.state.final.height == len(chain.headers) - 2
    assert asker.reports == []


def test_a_liar_beside_an_honest_node_is_named_and_its_answer_kept(
    asker: Asker, chain: Chain
) -> None:
    proved = asker.ask(ROWS, lying(chain), honest(chain))
    assert (proved.node, proved.facts.rows[KEY]) == ("n1", VALUE)
    (report,) = asker.reports
    assert report.startswith("state proof: ")
    assert "n0" in report
    (evidence,) = asker.kept()
    assert str(next(iter(asker.folder.iterdir()))) in report
    assert (evidence.node, evidence.asked) == ("n0", "rows")
    assert evidence.state == chain.start
    with pytest.raises(InvalidProof) as caught:
        verify_answer(evidence.state or chain.start, decode_answer(evidence.answer))
    assert str(caught.value) == evidence.failed


def test_none_but_liars(asker: Asker, chain: Chain) -> None:
    garbage = giving(lambda _path, _query: b"<html>")
    refused = asker.refused(ROWS, garbage, lying(chain))
    assert isinstance(refused, ProofFailed)
    assert len(asker.kept()) == 2
    assert {refused.field, *(each.partition(":")[0] for each in asker.reports)} == {
        "encoding",
        "state proof",
    }


def test_an_answer_to_another_question_is_a_lie(asker: Asker, chain: Chain) -> None:
    other = giving(lambda _path, _query: chain.answer(KEY).encode())
    wrong_item = altered(chain, lambda answer: replace(answer, items=tuple(chain.items())))
    for question, answer in (
        (ROWS, other),
        (AskBlock(3), altered(chain, lambda found: replace(found, block=None))),
        (AskBlock(3), giving(lambda _path, _query: chain.answer(height=4).encode())),
        (AskTransaction(bytes(32)), giving(lambda *_: chain.answer(height=3).encode())),
        (AskTransaction(bytes(32)), wrong_item),
        (AskEvent(3, 0), giving(lambda *_: chain.answer(height=4, items=True).encode())),
    ):
        refused = asker.refused(question, answer)
        assert isinstance(refused, ProofFailed)
        assert refused.field in ("question", "items[0]")


def test_a_known_item_of_another_kind_is_no_answer(asker: Asker, chain: Chain) -> None:
    """The lists of this chain hold no receipts and events."""
    answer = giving(lambda *_: chain.answer(height=3, items=True).encode())
    assert asker.refused(AskEvent(3, 0), answer).field == "question"
    assert asker.refused(AskTransaction(LISTS["transactions"][0]), answer).field == "question"


# Slow, absent and old ones


def test_a_node_that_never_answers_is_passed_over(asker: Asker, chain: Chain) -> None:
    async def main() -> None:
        before = trio.current_time()
        proved = await asker.client(silent, honest(chain)).ask(ROWS)
        assert proved.node == "n1"
        assert trio.current_time() - before <= light_client.PATIENCE_S

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    (report,) = asker.reports
    assert "n0" in report
    assert "in time" in report
    assert asker.kept() == []


def test_a_slow_node_with_the_only_answer_is_waited_for(asker: Asker, chain: Chain) -> None:
    async def slow(path: str, query: Query) -> bytes:
        await trio.sleep(29)
        return await honest(chain)(path, query)

    assert asker.ask(ROWS, slow, lying(chain)).node == "n0"
    assert isinstance(asker.refused(ROWS, silent, silent), TimedOut)


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([Unreachable("nobody at n0"), TimedOut("late")], TimedOut),
        ([Unreachable("nobody at n0"), Missing("no such")], Missing),
        ([Refused("pruned", code="pruned"), TimedOut("late")], Refused),
    ],
)
def test_what_is_told_if_nobody_answers(
    asker: Asker, errors: list[Failure], kind: type[Failure]
) -> None:
    refused = asker.refused(ROWS, *map(failing, errors))
    assert type(refused) is kind
    assert len(asker.reports) == 1


def test_a_node_that_refuses_beside_one_that_proves_is_named(asker: Asker, chain: Chain) -> None:
    errors = [Refused("not kept here", code="pruned"), Unreachable("nobody answers at n1")]
    assert asker.ask(ROWS, *map(failing, errors), honest(chain)).node == "n2"
    assert sorted(asker.reports) == ["n0: not kept here", "nobody answers at n1"]


def test_a_young_chain_is_waited_for(asker: Asker, chain: Chain) -> None:
    young = [Refused("nothing is final yet", code=NOT_YET_FINAL)] * 3

    async def growing(path: str, query: Query) -> bytes:
        if young:
            raise young.pop()
        return await honest(chain)(path, query)

    assert asker.ask(ROWS, growing).facts.rows[KEY] == VALUE
    waiting = failing(Refused("nothing is final yet", code=NOT_YET_FINAL))
    refused = asker.refused(ROWS, waiting)
    assert isinstance(refused, TimedOut)
    assert "nothing is final yet" in refused.message


def test_a_node_that_is_behind_is_no_liar(tmp_path: Path, chain: Chain) -> None:
    known, _ = verify_answer(chain.start, chain.answer())
    asker = Asker(tmp_path, chain, state=known)
    proved = asker.ask(ROWS, honest(chain, cut=1), honest(chain))
    assert proved.node == "n1"
    (report,) = asker.reports
    assert "n0 is behind" in report
    asker = Asker(tmp_path, chain, state=known)
    refused = asker.refused(ROWS, honest(chain, cut=1))
    assert (refused.code, refused.exit_code) == (BEHIND, 5)
    assert asker.kept() == []


# Two histories


def twin_of(chain: Chain) -> Answer:
    """A node of another history with as many blocks, whose producers vote for both."""

    def make(_path: str, query: Query) -> bytes:
        final = replace(chain.headers[-2], slot=99)
        target = replace(chain.headers[-1], slot=100, parent=final.id(), final_if_qc=final.id())
        answer = chain.answer(KEY, ABSENT, first=int(str(query["dynasty"])))
        certificate = chain.certificate(target)
        return replace(answer, target=target, final=final, certificate=certificate).encode()

    return giving(make)


def test_two_nodes_that_show_two_histories_stop_everything(asker: Asker, chain: Chain) -> None:
    refused = asker.refused(ROWS, honest(chain), twin_of(chain))
    assert (refused.code, refused.exit_code) == (CONFLICTING_FINAL, 5)
    (evidence,) = asker.kept(CONFLICT)
    assert evidence.newest is not None
    shown = decode_answer(evidence.answer).final
    assert {shown.id(), evidence.newest.final.id()} == {
        chain.headers[-2].id(),
        replace(chain.headers[-2], slot=99).id(),
    }
    with pytest.raises(Refused, match="two final histories"):
        asker.evidence.check(chain.id)
    asker.evidence.check(bytes(32))


def test_another_history_than_the_known_one_stops_everything(tmp_path: Path, chain: Chain) -> None:
    known, _ = verify_answer(chain.start, chain.answer())
    asker = Asker(tmp_path, chain, state=known)
    refused = asker.refused(ROWS, honest(chain), twin_of(chain))
    assert refused.code == CONFLICTING_FINAL
    assert asker.kept(CONFLICT)[0].state == known


def test_a_longer_history_without_the_known_block_stops_everything(
    tmp_path: Path, chain: Chain
) -> None:
    """A client that syncs asks for the block it knows: so it sees another history at any height."""
    header = replace(chain.headers[3], slot=77)
    known = replace(chain.start, final=place_of(header))
    asker = Asker(tmp_path, chain, state=known)
    refused = asker.refused(AskBlock(3, known.final), honest(chain))
    assert (refused.code, refused.field) == (CONFLICTING_FINAL, "block")
    good = replace(chain.start, final=place_of(chain.headers[3]))
    proved = Asker(tmp_path, chain, state=good).ask(AskBlock(3, good.final), honest(chain))
    assert proved.facts.block == chain.headers[3]
    assert PROGRESS_KEY in proved.facts.rows


# Many changes of the set


def paging(chain: Chain, size: int) -> Answer:
    """Answers with at most `size` steps."""

    def make(path: str, query: Query) -> bytes:
        first = int(str(query["dynasty"]))
        if path == "steps":
            last = min(first + size, chain.changes)
            return DynastySteps(tuple(map(chain.step, range(first, last)))).encode()
        if chain.changes - first > size:
            raise Refused("more", code=TOO_MANY_STEPS)
        return chain.answer(KEY, ABSENT, first=first).encode()

    return giving(make)


def test_pages_of_steps_are_followed(tmp_path: Path) -> None:
    chain = chain_of(5)
    told: list[str] = []
    asker = Asker(tmp_path, chain, progress=told.append)
    proved = asker.ask(ROWS, paging(chain, 2))
    assert told == ["n0: followed to dynasty 2", "n0: followed to dynasty 4"]
    assert [step.limbo.dynasty for step in proved.answer.steps] == [0, 1, 2, 3, 4]
    assert proved.state.producers == seats(5).producers
    paths = [path for path, _ in asker.nodes[0].asked]
    assert paths == ["rows", "steps", "rows", "steps", "rows"]


def test_a_node_that_has_no_end_of_steps(tmp_path: Path) -> None:
    chain = chain_of(5)
    asker = Asker(tmp_path, chain)

    def endless(path: str, _query: Query) -> bytes:
        if path == "steps":
            return DynastySteps(()).encode()
        raise Refused("more", code=TOO_MANY_STEPS)

    assert asker.refused(ROWS, giving(endless)).field == "dynasty steps"

    def wrong(path: str, query: Query) -> bytes:
        if path == "steps":
            step = replace(chain.step(0), members=seats(3).producers.members)
            return DynastySteps((step,)).encode()
        return endless(path, query)

    assert asker.refused(ROWS, giving(wrong)).field == "dynasty step 0"


def test_answers_for_others_begin_at_the_anchor_and_must_fit_what_is_known(
    tmp_path: Path,
) -> None:
    """An anchor may be so old that its set signs anything by now: what is known decides."""
    chain = chain_of(3)
    known, _ = verify_answer(chain.start, chain.answer())
    asker = Asker(tmp_path, chain, state=known, begin=chain.start)
    proved = asker.ask(ROWS, paging(chain, 2))
    assert verify_answer(chain.start, proved.answer)[1].rows == proved.facts.rows
    forged = Asker(tmp_path, chain, state=known, begin=chain.start)
    refused = forged.refused(ROWS, giving(lambda *_: forged_by_the_first_set(chain).encode()))
    assert refused.exit_code == 5


def forged_by_the_first_set(chain: Chain) -> LightAnswer:
    """A history that goes on without any change of the set, signed by the first one."""
    answer = chain.answer(KEY, ABSENT)
    final = replace(answer.final, dynasty=0, set_hash=seats(0).producers.hash, height=99)
    target: Header = replace(
        answer.target, dynasty=0, set_hash=seats(0).producers.hash, final_if_qc=final.id()
    )
    certificate = chain.certificate(target)
    forged = replace(answer, steps=(), target=target, final=final, certificate=certificate)
    state: LightState = verify_answer(chain.start, forged)[0]
    assert state.final.height == 99
    return forged


# Anchors


def anchor_of(chain: Chain, *answers: Answer, folder: Path) -> tuple[LightAnchor, list[str]]:
    """The anchor of block 8 that the nodes give, and what is reported; on virtual time."""
    reports: list[str] = []
    find = partial(
        find_anchor,
        [Node(f"n{i}", answer) for i, answer in enumerate(answers)],
        8,
        chain.headers[8].id(),
        timeout_s=5,
        report=reports.append,
        keep=EvidenceFolder(folder).keep,
    )
    anchor: LightAnchor = trio.run(find, clock=trio.testing.MockClock(autojump_threshold=0))
    return anchor, reports


def test_the_first_right_anchor_is_taken(tmp_path: Path, chain: Chain) -> None:
    right = giving(lambda path, _: chain.anchor(8).encode())
    wrong = giving(lambda path, _: chain.anchor(7).encode())
    anchor, reports = anchor_of(chain, silent, wrong, right, wrong, folder=tmp_path)
    assert anchor == chain.anchor(8)
    assert [report.partition(":")[0] for report in reports] == [
        "the node at n0 does not answer in time",
        "anchor",
    ]
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ProofFailed, match="n1"):
        anchor_of(chain, silent, wrong, folder=tmp_path)
    with pytest.raises(TimedOut):
        anchor_of(chain, silent, folder=tmp_path)


# Evidence


def test_evidence_of_lies_is_bounded(tmp_path: Path, chain: Chain) -> None:
    folder = EvidenceFolder(tmp_path)
    paths = set()
    for i in range(MAX_FILES + 3):
        evidence = LightEvidence("n", "rows", "state proof", chain.start, None, bytes([i]))
        paths.add(folder.keep(LIE, evidence))
        assert folder.keep(LIE, evidence) in paths
    assert len(paths) == MAX_FILES + 1
    assert None in paths
    conflict = LightEvidence("n", "rows", "final", chain.start, None, b"")
    assert folder.keep(CONFLICT, conflict) is not None
