"""Makes light.json: proofs in files, and files that must be refused, for verifiers that others
write from docs/protocol.md section 16. Unlike the other vectors these are made by the project's
own code. Run `python -m tests.vectors.generate_light`; a test compares the checked-in file.
"""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from consensus.codec import encode
from consensus.errors import InvalidProof
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.kinds import Json, JsonObject
from consensus.light import LightState, anchor_state
from consensus.light_answer import (
    Facts,
    LightAnswer,
    LightProof,
    decode_proof,
    encode_proof,
    verify_answer,
)
from consensus.record import replace
from tests.consensus.light_chains import ABSENT, KEY, TERMS, Chain, chain_of, seats

FILE = Path(__file__).parent / "light.json"
CHECKPOINT = 8
CHANGES = 120


def chain() -> Chain:
    """The chain of the vectors: three sets, one after the other."""
    return chain_of(2)


def genesis_file() -> bytes:
    """The genesis file, of which a light client needs header, members and chain.constants. (The
    other rows are no module's, so it starts no chain.)"""
    made, rows = chain(), chain().trees[0].rows
    members = [member.pack() for member in seats(0).producers.members]
    listed = [[key, rows[key]] for key in sorted(rows)]
    return encode(["genesis", 1, made.headers[0].pack(), members, listed])  # type: ignore[list-item]


def trusted_state(place: str | None, proof: LightProof) -> LightState:
    """Where a verifier begins that trusts genesis (None) or the block HEIGHT:ID."""
    made = chain()
    if place is None:
        if proof.anchor is not None:
            raise InvalidProof("begins at a checkpoint", field="anchor")
        return made.start
    if proof.anchor is None:
        raise InvalidProof("begins at genesis", field="anchor")
    height = int(place.partition(":")[0])
    return anchor_state(proof.anchor, height, made.headers[height].id())


def check(file: bytes, place: str | None) -> Facts:
    """What a verifier does; raises InvalidProof."""
    proof = decode_proof(file)
    return verify_answer(trusted_state(place, proof), proof.answer)[1]


def files() -> dict[str, tuple[bytes, str | None]]:
    """The files that are accepted, and from where."""
    made = chain()
    place = f"{CHECKPOINT}:{made.headers[CHECKPOINT].id()}"
    every = made.answer(KEY, ABSENT, height=3, items=True)
    rows = made.answer(KEY, first=1)
    anchor = made.anchor(CHECKPOINT)
    return {
        "rows, a past block and items of its lists": (encode_proof(LightProof(None, every)), None),
        "the newest final block alone": (encode_proof(LightProof(None, made.answer())), None),
        "an absent row": (encode_proof(LightProof(None, made.answer(ABSENT))), None),
        "a row from a checkpoint on": (encode_proof(LightProof(anchor, rows)), place),
    }


def forgeries() -> dict[str, tuple[bytes, str | None]]:
    """Files of right shape that prove nothing."""
    made = chain()
    place = f"{CHECKPOINT}:{made.headers[CHECKPOINT].id()}"
    good, anchor = made.answer(KEY, ABSENT), made.anchor(CHECKPOINT)
    below = made.answer(KEY, first=1)
    few = made.certificate(good.target, 2)
    older = made.headers[-3]
    votes = seats(1).certify(made.id, good.target.id())
    reverse = replace(good.steps[0], members=good.steps[0].members[::-1])
    changes: dict[str, LightAnswer] = {
        "a step is missing": replace(good, steps=good.steps[1:]),
        "a step comes twice": replace(good, steps=(good.steps[0], *good.steps)),
        "the next set's members are not in order": replace(good, steps=(reverse, good.steps[1])),
        "fewer votes than a quorum": replace(good, certificate=few),
        "votes of another set": replace(good, certificate=votes),
        "another final block": replace(good, final=older),
        "a row is hidden": replace(good, rows=good.rows[:1]),
        "rows out of order": replace(good, rows=good.rows[::-1]),
        "a past block without the history": replace(good, block=made.answer(height=3).block),
        "items without a block": replace(good, items=tuple(made.items()[:1])),
    }
    found: dict[str, tuple[bytes, str | None]] = {
        name: (encode_proof(LightProof(None, changed)), None) for name, changed in changes.items()
    }
    other = f"{CHECKPOINT - 1}:{made.headers[CHECKPOINT - 1].id()}"
    members = replace(anchor, members=seats(0).producers.members)
    late = replace(
        anchor, constants=anchor.constants.replace(b"\x1a\x00\x01\x51\x80", b"\x1a\x7f\xff\xff\xff")
    )
    from_checkpoint: dict[str, tuple[bytes, str | None]] = {
        "another checkpoint": (encode_proof(LightProof(anchor, below)), other),
        "a checkpoint with another set": (encode_proof(LightProof(members, below)), place),
        "a longer unbonding time": (encode_proof(LightProof(late, below)), place),
        "no checkpoint though one is trusted": (encode_proof(LightProof(None, good)), place),
    }
    return found | from_checkpoint


def changed_bytes() -> list[JsonObject]:
    """Single changed bytes of the first and the last file; the digest is made anew."""
    chance = Random(16)
    found: list[JsonObject] = []
    for name, (file, place) in list(files().items())[:: len(files()) - 1]:
        content = file[:-DIGEST_BYTES]
        while len([each for each in found if each["of"] == name]) < CHANGES // 2:
            at, value = chance.randrange(len(content)), chance.randrange(1, 256)
            changed = content[:at] + bytes([content[at] ^ value]) + content[at + 1 :]
            failed = check_failed(changed + sha256(changed), place)
            found.append({"of": name, "place": at, "byte": changed[at], "check": failed})
    return found


def check_failed(file: bytes, place: str | None) -> str:
    """The check that refuses a file; raises ValueError if none does."""
    try:
        check(file, place)
    except InvalidProof as error:
        return error.field
    raise ValueError("a file that must be refused is accepted")


def facts_json(facts: Facts) -> JsonObject:
    """What a verifier must find."""
    block = facts.block
    rows: list[Json] = [
        {"key": key.hex(), "value": None if value is None else value.hex()}
        for key, value in facts.rows.items()
    ]
    items: list[Json] = [{"list": item.list, "item": item.item.hex()} for item in facts.items]
    return {
        "final": {"height": facts.place.height, "id": str(facts.place.id)},
        "dynasty": facts.dynasty,
        "rows": rows,
        "block": None if block is None else {"height": block.height, "id": str(block.id())},
        "items": items,
    }


def vectors() -> JsonObject:
    """The whole file."""
    accepted: list[Json] = [
        {
            "name": name,
            "trusted": place,
            "facts": facts_json(check(file, place)),
            "file": file.hex(),
        }
        for name, (file, place) in files().items()
    ]
    refused: list[Json] = [
        {"name": name, "trusted": place, "check": check_failed(file, place), "file": file.hex()}
        for name, (file, place) in forgeries().items()
    ]
    return {
        "genesis": genesis_file().hex(),
        "chain": chain().id.hex(),
        "genesis_time_ms": TERMS.genesis_time_ms,
        "slot_ms": TERMS.slot_ms,
        "unbonding_s": TERMS.unbonding_s,
        "accepted": accepted,
        "refused": refused,
        "changed": list[Json](changed_bytes()),
    }


def main(write: Callable[[str], object] = FILE.write_text) -> None:
    """Write the file."""
    write(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
