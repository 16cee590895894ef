"""Other spellings of CIDs lead to ours; what is no CID of ours is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from consensus.cid import CODEC_NAMES, DAG_PB, Cid, cid_of
from consensus.errors import InvalidEncoding
from node.gateway.cid_spelling import read_cid
from tests.api.world import World, code_of

cids = st.builds(cid_of, st.sampled_from(list(CODEC_NAMES)), st.binary(max_size=4))


@given(cids, st.sampled_from(["base32", "base32upper", "base58btc", "base36", "base16"]))
def test_every_usual_base_is_read(cid: Cid, base: str) -> None:
    spelled = CID.decode(cid.binary).encode(base)
    assert read_cid(spelled) == cid
    if base in ("base36", "base16"):
        assert read_cid(spelled.upper()) == cid


@given(st.binary(max_size=4))
def test_version_0_is_read(data: bytes) -> None:
    cid = cid_of(DAG_PB, data)
    assert read_cid(str(CID.decode(cid.binary).set(version=0, base="base58btc"))) == cid


@given(st.sampled_from(["", "b", "z", "k", "f", "Qm"]), st.text(max_size=130))
def test_other_text_is_refused(prefix: str, text: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        read_cid(prefix + text)
    assert caught.value.field == "cid"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bafkqaaa",
        "Qm" + "1" * 44,
        "Q" * 46,
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",
        "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93b",  # too short
        "bafyrgqhai26anf3i7pips7q22coa4sz2fr4gk4q4sqdtymvvjyginfzaqewveaeqdh524nsktaq43j65v22xxrybrtertmcfxufdam3da3hbk",
        "z" * 129,
    ],
)
def test_what_is_no_cid_of_ours(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        read_cid(text)


async def test_a_reader_is_sent_to_the_canonical_spelling(world: World) -> None:
    cid = cid_of(DAG_PB, b"x")
    other = CID.decode(cid.binary).encode("base58btc")
    async with world.client() as client:
        answer = await client.get(f"/ipfs/{other}/a%20b/?format=car")
        assert (answer.status_code, answer.headers["location"]) == (
            301,
            f"/ipfs/{cid}/a%20b/?format=car",
        )
        bare = await client.head(f"/ipfs/{other}")
        assert (bare.status_code, bare.headers["location"]) == (301, f"/ipfs/{cid}")
        assert code_of(await client.get("/ipfs/none/x")) == (400, "invalid-encoding", "cid")
        assert code_of(await client.get("/ipfs/")) == (400, "invalid-encoding", "cid")
