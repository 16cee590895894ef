"""What `reelect mail` keeps on this machine: the keys of groups, copies of what was sent until it
is deleted or expires, and which letters of groups were burnt.

<client.mail>/<chain>/<address>/groups/<id>   GroupState
<client.mail>/<chain>/<address>/sent/<id>     SentLetter, by its envelope's id
<client.mail>/<chain>/<address>/burnt/<id>    Burnt

Each file is sealed to the viewing key that follows from the account's own key, like a letter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.address import format_address
from consensus.errors import Invalid
from consensus.kinds import AccountId, Counter, Digest, PublicKey, Signature, Text
from consensus.mail import MAX_LIFE_MS, EnvelopeHead
from consensus.record import AtMost, Record, part, record
from consensus.sealed_key import viewing_key_of
from node.failure import Refused
from node.files import PRIVATE, read_bounded, replace
from node.wallet.letter import MAX_TEXT_BYTES, GroupKeys, GroupName, Seed, group_keys
from node.wallet.viewing import account_viewing_secret

MAX_MEMBERS = 2**20  # that one file holds
MAX_PAST = 16
MAX_FILE_BYTES = 128 * 2**20

K = TypeVar("K", bound=Record)


@part
class Member(Record):
    """A member of a group, and the key that the group's keys are sealed to."""

    account: AccountId
    key: PublicKey


@part
class PastKey(Record):
    """A key that a group had, which is read by until what was sent before has expired; `removed`
    was put out when it ended."""

    epoch: Counter
    seed: Seed
    until_ms: Counter
    removed: AccountId


@record("mail.group_state")
class GroupState(Record):
    """A group as one of its members knows it. Only its owner knows the members."""

    group: Digest
    name: GroupName
    owner: AccountId
    epoch: Counter
    seed: Seed
    past: Annotated[tuple[PastKey, ...], AtMost(MAX_PAST)]
    members: Annotated[tuple[Member, ...], AtMost(MAX_MEMBERS)]

    @property
    def keys(self) -> GroupKeys:
        """What follows from its key."""
        return group_keys(self.seed)

    def rekeyed(
        self, seed: bytes, removed: bytes, members: tuple[Member, ...], now_ms: int
    ) -> "GroupState":
        """The group with its next key."""
        old = PastKey(self.epoch, self.seed, now_ms + MAX_LIFE_MS, removed)
        past = [*(key for key in self.past if key.until_ms > now_ms), old]
        return GroupState(
            self.group,
            self.name,
            self.owner,
            self.epoch + 1,
            seed,
            tuple(past[-MAX_PAST:]),
            members,
        )


@record("mail.sent")
class SentLetter(Record):
    """A copy of a letter that was sent to an account or to a group (one of them is null), and if
    that was anonymous the seed of the key that has signed it, which can delete it."""

    head: EnvelopeHead
    signature: Signature
    account: AccountId | None
    group: Digest | None
    one_time_seed: Seed | None
    burn: bool
    sent_ms: Counter
    text: Annotated[str, Text(MAX_TEXT_BYTES, 1)]


@record("mail.burnt")
class Burnt(Record):
    """A letter of a group that was read here and is not to be seen again."""

    envelope: Digest
    expires_ms: Counter


@dataclass(frozen=True, slots=True)
class MailFolder:
    """The files of one account on one chain."""

    root: Path
    seed: bytes

    @classmethod
    def of(cls, mail: Path, chain: bytes, account: bytes, seed: bytes) -> "MailFolder":
        """Those under `client.mail`."""
        return cls(mail.expanduser() / chain.hex()[:16] / format_address(account), seed)

    def groups(self) -> list[GroupState]:
        """The groups that the account is in, by name."""
        return sorted(self._all("groups", GroupState), key=lambda state: (state.name, state.group))

    def put_group(self, state: GroupState) -> None:
        """Keep a group."""
        self._put("groups", state.group, state)

    def drop_group(self, group: bytes) -> None:
        """Forget a group."""
        self._path("groups", group).unlink(missing_ok=True)

    def sent(self) -> list[SentLetter]:
        """What the account has sent, the newest last."""
        return sorted(self._all("sent", SentLetter), key=lambda letter: letter.sent_ms)

    def put_sent(self, letter: SentLetter) -> None:
        """Keep a copy."""
        self._put("sent", letter.head.id, letter)

    def drop_sent(self, envelope: bytes) -> None:
        """Drop a copy, if there is one."""
        self._path("sent", envelope).unlink(missing_ok=True)

    def burn(self, envelope: bytes, expires_ms: int) -> None:
        """Remember that a letter was burnt, until no node holds it."""
        self._put("burnt", envelope, Burnt(envelope, expires_ms))

    def burnt(self) -> set[bytes]:
        """The letters that were burnt."""
        return {item.envelope for item in self._all("burnt", Burnt)}

    def expire(self, now_ms: int) -> None:
        """Drop what no node holds any more."""
        for letter in self._all("sent", SentLetter):
            if letter.head.expires_ms <= now_ms:
                self.drop_sent(letter.head.id)
        for item in self._all("burnt", Burnt):
            if item.expires_ms <= now_ms:
                self._path("burnt", item.envelope).unlink(missing_ok=True)

    def _path(self, kind: str, identity: bytes) -> Path:
        return self.root / kind / identity.hex()

    def _put(self, kind: str, identity: bytes, what: Record) -> None:
        path = self._path(kind, identity)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = viewing_key_of(account_viewing_secret(self.seed))
        replace(path, bindings.crypto_box_seal(what.encode(), key), mode=PRIVATE)

    def _all(self, kind: str, record_type: type[K]) -> Iterator[K]:
        secret = account_viewing_secret(self.seed)
        files = sorted((self.root / kind).glob("[0-9a-f]*"))
        for file in files:
            sealed = read_bounded(file, MAX_FILE_BYTES)
            try:
                opened = bindings.crypto_box_seal_open(sealed, viewing_key_of(secret), secret)
                yield record_type.decode(opened)
            except (CryptoError, Invalid) as error:
                raise Refused(
                    "cannot be opened by the account's key here: it is damaged, or of another key; "
                    "move it away to go on without it",
                    field=str(file),
                    code="unknown-key",
                ) from error
