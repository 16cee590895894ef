"""Who seals and opens videos: the keys at hand, and the content keys that they lead to."""

from dataclasses import dataclass
from pathlib import Path

import trio
from cyclopts import Parameter

from consensus.cid import Cid
from consensus.errors import InvalidProof
from consensus.sealed import Header, check_key
from consensus.sealed_key import commitment_to, open_sealed_key
from node.client import Client
from node.commands.asking import find_account
from node.commands.sending import SendOptions
from node.commands.wallet import Wallet, WalletOptions
from node.content_transfer import digest_of, fetch_header
from node.failure import ProofFailed, Refused, Usage
from node.query.answers import AccountAnswer
from node.query.chain_view import Finality
from node.wallet.viewing import Sealing, content_key, find_secret, new_sealing
from vm.modules.viewing import ACCESS, Access


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ReaderOptions(WalletOptions):
    """Whom to ask, and who reads.

    Parameters
    ----------
    account
        Name, address or @handle of the account that opens what is sealed; else `client.account`.
    """

    account: str | None = None

    async def reader(self, client: Client) -> "Reader":
        """The account and its keys; raises Usage, and Refused if no key of it is here."""
        section = self.section
        name = self.account or section.account
        if not name:
            raise Usage("name the account that reads, or set client.account", field="--account")
        account = await find_account(client, section, name, "--account")
        return await open_reader(client, self.wallet, account)


NO_READER_OPTIONS = ReaderOptions()


@dataclass(frozen=True, slots=True)
class Reader:
    """An account, as the node knows it, and the seeds of its keys that are here."""

    account: AccountAnswer
    seeds: list[bytes]

    @property
    def seed(self) -> bytes:
        """The one from which new keys are derived."""
        return self.seeds[0]


async def open_reader(client: Client, wallet: Wallet, account: bytes) -> Reader:
    """An account with the keys that act for it, and that which it began with, as far as they are
    here; raises Refused if none is."""
    answer = await client.account(account, finality=Finality.HEAD)
    held = wallet.held({account, *(item.key for item in answer.authority.keys)})
    if not held:
        raise Refused(
            "no key of the account is here; `reelect keys list` shows what there is",
            field="account",
            code="unknown-key",
        )
    pairs = await trio.to_thread.run_sync(wallet.pairs, held)
    return Reader(answer, [pair.seed for pair in pairs])


async def seal_file(client: Client, options: SendOptions, file: Path, edition: int) -> Sealing:
    """How the account that sends seals a file that it publishes; raises as `open_reader` does."""
    reader = await open_reader(client, options.wallet, await options.sender(client))
    return new_sealing(reader.seed, await trio.to_thread.run_sync(digest_of, file), edition)


async def sealed_header(client: Client, video: Cid) -> Header:
    """The header of a sealed video. Raises Refused if the owner has committed to no key, and
    ProofFailed if to another one than the file's."""
    answer = await client.viewing(video, finality=Finality.HEAD)
    if answer is None or answer.commitment is None:
        raise Refused("no sealed video of this id is published", field="CID", code="not-sealed")
    header = await fetch_header(client, video)
    if header.commitment != answer.commitment:
        raise ProofFailed(
            "the owner has committed to another key than the one that the file is sealed with",
            field="commitment",
        )
    return header


async def sealing_for(client: Client, reader: Reader, video: Cid) -> Sealing:
    """The header of a sealed video and its key, which the reader has as its owner or was given.

    Raises Refused if it has none, ProofFailed for one that is wrong, and as `sealed_header`.
    """
    header = await sealed_header(client, video)
    for seed in reader.seeds:
        key = content_key(seed, header.nonce_prefix)
        if commitment_to(key) == header.commitment:
            return Sealing(header, key)
    key = await _given_key(client, reader, video)
    try:
        check_key(header, key)
    except InvalidProof:
        raise ProofFailed(
            "the key that was given is wrong; if it was bought, `reelect video dispute` gets the "
            "price back",
            field="key",
        ) from None
    return Sealing(header, key)


async def _given_key(client: Client, reader: Reader, video: Cid) -> bytes:
    access = await find_access(client, reader, video)
    if access is None:
        raise Refused(
            "the video is sealed and the account has no key: `reelect video buy` buys it if it "
            "is for sale, and its owner can grant it",
            field="account",
            code="no-access",
        )
    if access.sealed is None:
        raise Refused("the key is not delivered yet: try later", field="account", code="waiting")
    secret = await secret_for(reader, video, access.viewing_key)
    return open_sealed_key(access.sealed, secret) or b""


async def find_access(client: Client, reader: Reader, video: Cid) -> Access | None:
    """What the reader has of a video at the node's head."""
    address = str(reader.account.to_json()["account"])
    answer = await client.row(ACCESS.name, address, str(video), finality=Finality.HEAD)
    return None if answer is None else Access.from_json(answer.item.row)


async def secret_for(reader: Reader, video: Cid, viewing_key: bytes) -> bytes:
    """The secret of the viewing key that a purchase or a grant names; raises Refused if it does
    not follow from the keys here."""
    last = purchase_number(reader)
    secret = await trio.to_thread.run_sync(find_secret, reader.seeds, video, viewing_key, last)
    if secret is None:
        raise Refused(
            "the secret of the viewing key does not follow from the keys here: use the keystore "
            "that made the purchase",
            field="keystore",
            code="unknown-key",
        )
    return secret


def purchase_number(reader: Reader) -> int:
    """The number of the viewing key of the account's next purchase: the nonce, counted from 1,
    as no other purchase has it."""
    return reader.account.next_nonce + 1
