"""The endpoints of possession: who may ask for proofs, how many, and what is not there."""

from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.segments import SegmentHasher, SegmentProof, verify_segment
from tests.api.world import ALICE, World, code_of
from tests.node.network import key
from tests.vectors.generate_segments import content
from vm.modules.possession.tables import MAX_SEGMENTS

DATA = content(600_000)


def root_of(data: bytes) -> bytes:
    hasher = SegmentHasher()
    hasher.feed(data)
    hasher.finish()
    return hasher.root


@pytest.fixture
def cid(world: World, tmp_path: Path) -> Cid:
    (tmp_path / "film").write_bytes(DATA)
    return world.content.add_file(tmp_path / "film").cid


async def test_a_root_is_computed_and_segments_are_proved(world: World, cid: Cid) -> None:
    async with world.client() as client:
        hashed = (await client.post(f"/v1/possession/{cid}/root")).json()
        assert hashed == {"cid": str(cid), "size_bytes": 600_000, "root": root_of(DATA).hex()}
        query = {"index": ["585", "0", "585"]}
        answer = (await client.get(f"/v1/possession/{cid}/segments", params=query)).json()
    proofs = [SegmentProof.from_json(item) for item in answer["proofs"]]
    for index, proof in zip((585, 0, 585), proofs, strict=True):
        verify_segment(root_of(DATA), 600_000, index, proof)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (400, "malformed", "index")),
        ("?" + "index=1&" * (MAX_SEGMENTS + 1), (400, "malformed", "index")),
        ("?index=-1", (400, "invalid-encoding", "index")),
        ("?index=01", (400, "invalid-encoding", "index")),
        ("?index=" + "9" * 14, (400, "invalid-encoding", "index")),
        ("?index=586", (404, "not-found", "index")),
    ],
)
async def test_bad_indexes_are_refused(
    world: World, cid: Cid, query: str, expected: tuple[int, str, str]
) -> None:
    async with world.client() as client:
        await client.post(f"/v1/possession/{cid}/root")
        response = await client.get(f"/v1/possession/{cid}/segments{query}")
        assert code_of(response) == expected


async def test_what_is_not_there_is_404(world: World, cid: Cid) -> None:
    other = cid_of(RAW, b"other")
    async with world.client() as client:
        for method, path in (
            ("POST", f"{other}/root"),
            ("GET", f"{cid}/segments?index=0"),
            ("GET", str(cid)),
        ):
            response = await client.request(method, f"/v1/possession/{path}")
            assert code_of(response) == (404, "not-found", "cid")


async def test_strangers_give_a_node_no_work(world: World, cid: Cid) -> None:
    async with world.client(loopback=False) as client:
        for method, path in (("POST", "root"), ("GET", "segments?index=0")):
            response = await client.request(method, f"/v1/possession/{cid}/{path}")
            assert code_of(response)[:2] == (403, "no-admin-token")
    async with world.client(loopback=False, admin_token="secret") as client:
        allowed = {"authorization": "Bearer secret"}
        response = await client.post(f"/v1/possession/{cid}/root", headers=allowed)
        assert response.status_code == 200


async def test_an_account_that_never_pledged_has_an_empty_record(world: World) -> None:
    address = key("nobody")
    async with world.client() as client:
        path = f"/v1/possession/providers/{format_address(address.public)}"
        answer = (await client.get(path)).json()
        assert (answer["items"], answer["next"], answer["record"]["kept"]) == ([], None, 0)
        response = await client.get("/v1/possession/providers/@nobody")
        assert code_of(response) == (404, "not-found", "address")
        alice = f"/v1/possession/providers/{format_address(ALICE.public)}"
        response = await client.get(alice, params={"cursor": "x"})
        assert code_of(response)[::2] == (400, "cursor")
