"""Files that prove nothing: answers that somebody changed, and bytes that are no encoding."""

from collections.abc import Callable, Iterator, Sequence

from consensus.block import Header, vote_message
from consensus.certificate import certificate_bytes
from consensus.codec import Wire, encode
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.keys import KeyPair
from consensus.light import DynastyStep, LightAnchor, genesis_state
from consensus.light_answer import (
    InclusionProof,
    LightAnswer,
    LightProof,
    PastBlock,
    ProvedRow,
    encode_proof,
)
from consensus.producers import Member, ProducerSet, producer_set
from consensus.record import replace
from tests.consensus.light_chains import (
    ABSENT,
    KEY,
    TERMS,
    Chain,
    chain_of,
    seats,
)
from tests.light_verifier.running import Trusted
from tests.light_verifier.signatures import (
    base,
    plus_order,
    secret_of,
    with_small_order_nonce,
)

Sign = Callable[[bytes], bytes]


def sealed(content: bytes) -> bytes:
    """A file with this content and the hash that it needs."""
    return content + sha256(content)


def file_of(answer: LightAnswer, anchor: LightAnchor | None = None) -> bytes:
    """The file with an answer."""
    return encode_proof(LightProof(anchor, answer))


def genesis_of(header: Header, members: ProducerSet) -> bytes:
    """A genesis file of which a light client needs no more; the state is that of light_chains."""
    rows = chain_of(0).trees[0].rows
    listed: list[Wire] = [[key, rows[key]] for key in sorted(rows)]
    named: list[Wire] = [member.pack() for member in members.members]
    return encode(["genesis", 1, header.pack(), named, listed])


def trusting(chain: Chain) -> Trusted:
    """A verifier with the chain's genesis file."""
    return Trusted(genesis_of(chain.headers[0], seats(0).producers), chain.start)


def changed_answers(chain: Chain) -> Iterator[tuple[str, str, LightAnswer]]:
    """What was changed, the check that must fail, and the answer. The chain has two changes of
    the set or more."""
    good = chain.answer(KEY, ABSENT, height=3, items=True)
    first, second, *others = good.steps
    yield "steps in another order", "dynasty step 0", replace(good, steps=(second, first, *others))
    yield "a step is missing", "dynasty step 0", replace(good, steps=(second, *others))
    yield "a step too many", "dynasty step 1", replace(good, steps=(first, *good.steps))
    for name, step in (*_changed_steps(first), *_voted_steps(chain, first)):
        yield name, "dynasty step 0", replace(good, steps=(step, second, *others))
    for name, certificate in _changed_certificates(chain, good.target):
        yield name, "certificate", replace(good, certificate=certificate)
    target = replace(good.target, slot=good.target.slot + 1)
    yield "another target", "certificate", replace(good, target=target)
    yield from _voted_targets(chain, good)
    yield "another final block", "final header", replace(good, final=chain.headers[-3])
    yield "final in a field", "final header", replace(good, final=replace(good.final, slot=99))
    yield from _changed_rows(chain, good)
    yield from _changed_blocks(chain, good)
    yield from _changed_items(good)


def _changed_steps(step: DynastyStep) -> Iterator[tuple[str, DynastyStep]]:
    members = step.members
    stranger = KeyPair.from_seed(b"stranger" * 4).public
    yield (
        "another key in the set",
        replace(step, members=(replace(members[0], key=stranger), *members[1:])),
    )
    yield "a set in another order", replace(step, members=members[::-1])
    twice = (members[0], replace(members[1], key=members[0].key), *members[2:])
    yield "one key twice", replace(step, members=twice)
    yield "the old set goes on", replace(step, members=seats(0).producers.members)
    yield "no next set", replace(step, limbo=replace(step.limbo, next_set_hash=ZERO_DIGEST))
    yield "no handover", replace(step, limbo=replace(step.limbo, handover=None))
    yield "nothing final", replace(step, limbo=replace(step.limbo, final_if_qc=None))
    yield "no votes", replace(step, certificate=b"")
    yield "S + L", replace(step, certificate=_last_signature(step.certificate, plus_order))


def _voted_steps(chain: Chain, step: DynastyStep) -> Iterator[tuple[str, DynastyStep]]:
    """Steps for which the old set did vote."""
    members = step.members

    def voted(members: tuple[Member, ...], **changed: object) -> DynastyStep:
        named: list[Wire] = [member.pack() for member in members]
        limbo = replace(step.limbo, next_set_hash=sha256(encode(named)))
        limbo = replace(limbo, **changed)
        return DynastyStep(limbo, chain.certificate(limbo), members)

    yield "members out of order", voted((members[1], members[0], *members[2:]))
    yield "a member twice", voted((members[0], members[0], *members[1:]))
    one_key = replace(members[1], key=members[0].key)
    yield "two with one key", voted((members[0], one_key, *members[2:]))
    yield "votes for no set", voted(members, next_set_hash=ZERO_DIGEST)
    yield "votes for no handover", voted(members, handover=None, final_if_qc=None)
    yield "votes beside the handover", voted(members, final_if_qc=chain.headers[1].id())
    yield "a voted limbo of no chain", voted(members, chain=None)


def _last_signature(certificate: bytes, change: Sign) -> bytes:
    return certificate[:-64] + change(certificate[-64:])


def _changed_certificates(chain: Chain, target: Header) -> Iterator[tuple[str, bytes]]:
    good = chain.certificate(target)
    message = vote_message(chain.id, target.id())
    voters = seats(chain.changes)
    yield "no certificate", b""
    yield "no bits", b"\0"
    yield "two votes of four", chain.certificate(target, 2)
    yield "the votes of another set", seats(0).certify(chain.id, target.id())
    yield "a bit of nobody", bytes([good[0] | 0x10]) + good[1:]
    yield "a vote of nobody", bytes([good[0] | 0x10]) + good[1:] + good[-64:]
    yield "a byte too many", good + b"\0"
    yield "a vote too many", good + good[-64:]
    yield "signatures in another order", good[:1] + good[65:129] + good[1:65] + good[129:]
    yield "S + L", _last_signature(good, plus_order)
    yield (
        "a vote for another block",
        _last_signature(
            good, lambda _: voters.keys[2].sign(vote_message(chain.id, chain.headers[-2].id()))
        ),
    )
    yield (
        "a vote of another chain",
        _last_signature(good, lambda _: voters.keys[2].sign(vote_message(bytes(32), target.id()))),
    )
    secret = secret_of(voters.keys[2])
    assert base(secret) == voters.keys[2].public
    yield (
        "R of small order",
        _last_signature(good, lambda _: with_small_order_nonce(secret, message)),
    )


def _voted_targets(chain: Chain, good: LightAnswer) -> Iterator[tuple[str, str, LightAnswer]]:
    """Blocks for which the newest set did vote."""

    def voted(**changed: object) -> LightAnswer:
        target = replace(good.target, **changed)
        certificate = seats(chain.changes).certify(chain.id, target.id())
        return replace(good, target=target, certificate=certificate)

    yield "a voted block of another chain", "certificate", voted(chain=bytes(32))
    yield "a voted block of no chain", "certificate", voted(chain=None)
    yield "a voted block of the next dynasty", "certificate", voted(dynasty=chain.changes + 1)
    yield "a voted block of another set", "certificate", voted(set_hash=seats(0).producers.hash)
    yield "nothing final by votes", "final header", voted(final_if_qc=None)
    yield "another block final by votes", "final header", voted(final_if_qc=good.target.id())


def _changed_rows(chain: Chain, good: LightAnswer) -> Iterator[tuple[str, str, LightAnswer]]:
    progress, present, absent = good.rows
    assert (present.key, absent.key) == (KEY, ABSENT)

    def rows(*changed: ProvedRow) -> LightAnswer:
        return replace(good, rows=(progress, *changed))

    yield "another value", "state proof", rows(ProvedRow(KEY, b"a larger balance"), absent)
    yield "a present row denied", "state proof", rows(ProvedRow(KEY, None), absent)
    yield "an empty value", "state proof", rows(ProvedRow(KEY, b""), absent)
    yield "an absent row with a value", "state proof", rows(present, ProvedRow(ABSENT, b"0"))
    yield "an absent row that is empty", "state proof", rows(present, ProvedRow(ABSENT, b""))
    yield "a row is left out", "state proof", rows(absent)
    yield "a row too many", "state proof", rows(present, absent, ProvedRow(b"\xff", None))
    yield "rows in another order", "rows", rows(absent, present)
    yield "a row twice", "rows", rows(present, present)
    other = chain.trees[-3].answer_rows(*(row.key for row in good.rows))
    yield "an older state", "state proof", replace(good, **other)
    for name, proof in (
        ("no siblings", replace(good.proof, siblings=())),
        ("no shape", replace(good.proof, shape=b"")),
        ("a longer shape", replace(good.proof, shape=good.proof.shape + b"\0")),
        ("a sibling is empty", replace(good.proof, siblings=(bytes(32), *good.proof.siblings[1:]))),
        ("a sibling too many", replace(good.proof, siblings=good.proof.siblings * 2)),
        ("siblings in another order", replace(good.proof, siblings=good.proof.siblings[::-1])),
    ):
        yield name, "state proof", replace(good, proof=proof)


def _changed_blocks(chain: Chain, good: LightAnswer) -> Iterator[tuple[str, str, LightAnswer]]:
    block = good.block
    assert block is not None
    past, hashes = block.header, block.hashes
    for name, changed in (
        ("a field of the block", PastBlock(replace(past, slot=past.slot + 1), hashes)),
        ("the block at another height", PastBlock(replace(past, height=4), hashes)),
        ("beyond the end", PastBlock(replace(past, height=2**53 - 1), hashes)),
        ("another block's hashes", PastBlock(chain.headers[4], hashes)),
        ("a hash too many", PastBlock(past, (*hashes, bytes(32)))),
        ("a hash is missing", PastBlock(past, hashes[:-1])),
        ("hashes of the final block", PastBlock(good.final, hashes)),
        ("not yet final", PastBlock(good.target, ())),
    ):
        yield name, "block", replace(good, block=changed)
    without = chain.trees[-2].answer_rows(KEY)
    yield "no history", "block", replace(good, items=(), **without)


def _changed_items(good: LightAnswer) -> Iterator[tuple[str, str, LightAnswer]]:
    item, *others = good.items
    proof = item.proof
    for name, changed in (
        ("another item", replace(item, item=b"firsT")),
        ("another list", replace(item, list="receipts")),
        (
            "a side too many",
            replace(item, proof=InclusionProof(proof.sides | 1 << 31, proof.hashes)),
        ),
        ("the other side", replace(item, proof=replace(proof, sides=proof.sides ^ 1))),
        ("an inner hash as item", replace(item, proof=InclusionProof(0, proof.hashes[1:]))),
    ):
        yield name, "items[0]", replace(good, items=(changed, *others))
    last = replace(others[-1], item=b"\xff")
    yield "the last item", f"items[{len(others)}]", replace(good, items=(item, *others[:-1], last))
    yield "items of no block", "items[0]", replace(good, block=None)


def no_encodings(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is no encoding, made from one of a LightProof: `84 6b "light-proof" 01 f6 8a …`."""
    assert content[:1] == b"\x84"
    assert content[13:16] == b"\x01\xf6\x8a"
    head, version, rest = content[:13], content[13:14], content[14:]
    yield "nothing", b""
    yield "a byte more", content + b"\0"
    yield "null at the end", content + b"\xf6"
    yield "twice", content * 2
    yield "a byte less", content[:-1]
    yield "a long array head", b"\x98\x04" + content[1:]
    yield "a longer array head", b"\x99\x00\x04" + content[1:]
    yield "the longest array head", b"\x9b" + bytes(7) + b"\x04" + content[1:]
    yield "an endless array", b"\x9f" + content[1:] + b"\xff"
    yield "a long text head", content[:1] + b"\x78\x0b" + content[2:]
    yield "an endless text", content[:1] + b"\x7f" + content[1:13] + b"\xff" + content[13:]
    yield "a long integer", head + b"\x18\x01" + rest
    yield "the longest integer", head + b"\x1b" + bytes(7) + b"\x01" + rest
    yield "a float", head + b"\xf9\x3c\x00" + rest
    yield "a double", head + b"\xfb\x3f\xf0" + bytes(6) + rest
    yield "true as version", head + b"\xf5" + rest
    yield "version 2", head + b"\x02" + rest
    yield "a text as version", head + b"\x61\x31" + rest
    yield "undefined", head + version + b"\xf7" + rest[1:]
    yield "null in two bytes", head + version + b"\xf8\x16" + rest[1:]
    yield "a simple value", head + version + b"\xe0" + rest[1:]
    yield "an empty map", head + version + b"\xa0" + rest[1:]
    yield "a tag", b"\xc1" + content
    yield "the tag of links", b"\xd8\x2a" + content
    yield "another tag", content[:1] + b"\x6blight-proog" + content[13:]
    yield "a tag that is not UTF-8", content[:1] + b"\x6b\xff" + content[3:]
    yield "a byte string as tag", b"\x84\x4b" + content[2:]
    yield "a map", b"\xa2" + content[1:]
    yield "a field more", b"\x85" + content[1:] + b"\xf6"
    yield "a field less", b"\x83" + head[1:] + version + rest[1:]
    yield "an answer alone", rest[1:]
    yield "a huge array", b"\x9b" + b"\xff" * 8
    yield "a huge text", b"\x7b" + b"\xff" * 8
    for depth in (12, 13, 1_000, 100_000):
        yield f"{depth} arrays", b"\x81" * depth + b"\x80"
    link = content.index(b"\xd8\x2a\x58\x25\x00")
    yield "a link's tag in three bytes", content[:link] + b"\xd9\x00\x2a" + content[link + 2 :]
    yield "another tag of a link", content[:link] + b"\xd8\x2b" + content[link + 2 :]
    yield "a link that begins with 1", content[: link + 4] + b"\x01" + content[link + 5 :]
    yield "a link of CID version 2", content[: link + 5] + b"\x02" + content[link + 6 :]
    yield "a link of another codec", content[: link + 6] + b"\x72" + content[link + 7 :]
    yield "a link of another hash", content[: link + 7] + b"\x13" + content[link + 8 :]
    yield "a bare CID", content[:link] + content[link + 2 :]


def of_members(keys: Sequence[bytes], sign: Callable[[int, bytes], bytes]) -> tuple[Trusted, bytes]:
    """A verifier that trusts a chain whose four members have these keys, and the file that shows
    its genesis block final by what `sign` gives for each member's place and the vote message."""
    made = chain_of(0)
    members = producer_set([Member(bytes([i + 1]) * 32, key) for i, key in enumerate(keys)])
    genesis = replace(made.headers[0], set_hash=members.hash)
    first, chain = genesis.id(), genesis.id().digest
    target = replace(
        made.headers[1], chain=chain, parent=first, set_hash=members.hash, final_if_qc=first
    )
    message = vote_message(chain, target.id())
    certificate = certificate_bytes(members, {i: sign(i, message) for i in range(len(keys))})
    rows = made.trees[0].answer_rows(KEY)
    answer = LightAnswer((), target, certificate, genesis, block=None, items=(), **rows)  # type: ignore[arg-type]
    trusted = Trusted(genesis_of(genesis, members), genesis_state(genesis, members, TERMS))
    return trusted, file_of(answer)
