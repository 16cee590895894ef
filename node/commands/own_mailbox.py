"""An account's mailbox and those of its groups, as commands open them."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import trio
from cyclopts import Parameter

from consensus.address import format_address
from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.mail import Envelope, delete
from consensus.record import replace
from node.client import Client
from node.commands.asking import find_account, known_asset
from node.commands.sealing import Reader, open_reader
from node.commands.wallet import WalletOptions
from node.failure import Refused, Usage
from node.output import progress
from node.query.chain_view import Finality
from node.wallet.letter import (
    GroupKeys,
    Inside,
    Invitation,
    Letter,
    Rekeying,
    Sender,
    anonymous,
    find_seed,
    group_keys,
    open_sealed,
    open_within,
)
from node.wallet.mail_folder import GroupState, MailFolder, SentLetter

MAX_GROUPS = 1_000
MIN_ID_DIGITS = 4


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class MailOptions(WalletOptions):
    """Whom to ask, and whose mail it is.

    Parameters
    ----------
    account
        Name, address or @handle of the account whose mail it is; else `client.account`.
    """

    account: str | None = None

    async def mailbox(self, client: Client) -> "Mailbox":
        """The account's mailbox; raises Usage, and Refused if no key of it is here."""
        section = self.section
        name = self.account or section.account
        if not name:
            raise Usage("name the account whose mail it is", field="--account")
        account = await find_account(client, section, name, "--account")
        reader = await open_reader(client, self.wallet, account)
        status = await client.status()
        folder = MailFolder.of(section.mail, status.chain, account, reader.seed)
        await trio.to_thread.run_sync(folder.expire, status.time_ms)
        groups = {state.group: state for state in folder.groups()}
        return Mailbox(client, account, reader, status.chain, status.time_ms, folder, groups)


NO_MAIL_OPTIONS = MailOptions()


@dataclass(frozen=True, slots=True)
class Received:
    """A letter, by whom it is if that is proven, and the group that it is to. `key` opened it."""

    envelope: Envelope
    letter: Letter
    author: bytes | None
    group: GroupState | None
    key: KeyPair

    @property
    def id(self) -> str:
        """What names it in commands."""
        return self.envelope.id.hex()


@dataclass(frozen=True, slots=True)
class _Opened:
    envelope: Envelope
    inside: Inside
    author: bytes | None


@dataclass(slots=True)
class Mailbox:
    """An account, the seeds of its keys that are here, and its groups. `now_ms` is the node's clock
    when it was opened."""

    client: Client
    account: bytes
    reader: Reader
    chain: bytes
    now_ms: int
    folder: MailFolder
    groups: dict[bytes, GroupState]
    _keys: dict[bytes, frozenset[bytes]] = field(default_factory=dict)

    @property
    def pairs(self) -> list[KeyPair]:
        """The keys whose mailboxes are the account's."""
        return [KeyPair.from_seed(seed) for seed in self.reader.seeds]

    async def sender(self, *, is_anonymous: bool) -> Sender:
        """Who sends: the account, or nobody."""
        if is_anonymous:
            return anonymous(self.chain)
        pair = self.acting_key
        native, known = (await known_asset(self.client)).symbol, self.reader.account
        holds = any(item.asset == native and item.amount for item in known.balances)
        return Sender(self.chain, self.account, pair, pays=holds or known.attester is not None)

    @property
    def acting_key(self) -> KeyPair:
        """A key here that acts for the account now; raises Refused if none does."""
        acting = {item.key for item in self.reader.account.authority.keys}
        for pair in self.pairs:
            if pair.public in acting:
                return pair
        raise Refused(
            "no key that acts for the account now is here", field="account", code="unknown-key"
        )

    # Letters

    async def letters(self) -> list[Received]:
        """All letters that the node holds, the oldest first; invitations and new keys of groups
        are taken on the way."""
        found = [item async for item in self._own_letters()]
        for state in list(self.groups.values()):
            found += await self._group_letters(state)
        burnt = self.folder.burnt()
        kept = [
            item
            for item in found
            if item.envelope.id not in burnt
            and (item.group is None or item.group.group in self.groups)
        ]
        return sorted(kept, key=lambda item: (item.letter.sent_ms, item.id))

    async def _own_letters(self) -> AsyncIterator[Received]:
        for pair in self.pairs:
            async for envelope in self.client.mail(self.chain, pair, self.now_ms):
                item = await self.opened(envelope, pair, None)
                if item is not None:
                    yield item

    async def _group_letters(self, state: GroupState) -> list[Received]:
        """Those of a group, by its past keys, its key, and those that follow."""
        found: list[Received] = []
        seeds = [key.seed for key in state.past if key.until_ms > self.now_ms] + [state.seed]
        while seeds:
            pair = group_keys(seeds.pop(0)).reader
            async for envelope in self.client.mail(self.chain, pair, self.now_ms):
                item = await self.opened(envelope, pair, state.group)
                if item is not None:
                    found.append(item)
            current = self.groups.get(state.group)
            if not seeds and current is not None and current.epoch > state.epoch:
                state, seeds = current, [current.seed]
        return found

    async def opened(
        self, envelope: Envelope, pair: KeyPair, group: bytes | None
    ) -> Received | None:
        """The letter in an envelope to this key, or None: what a group's owner sends is taken, and
        what cannot be opened, is forged, or is by nobody who may, is left out."""
        state = None if group is None else self.groups.get(group)
        if group is not None and state is None:  # left meanwhile
            return None
        try:
            found = await self._open(envelope, pair, state)
        except Invalid as error:
            progress(f"an envelope is left out: {error}")
            return None
        inside = found.inside
        if isinstance(inside, Letter):
            if state is not None and not _may_write(state, found, pair):
                return None
            return Received(envelope, inside, found.author, state, pair)
        if isinstance(inside, Invitation) and state is None:
            await self._join(found, inside, pair)
        if isinstance(inside, Rekeying) and state is not None:
            self._rekey(state, found, inside)
        return None

    async def _open(self, envelope: Envelope, pair: KeyPair, state: GroupState | None) -> _Opened:
        """Raises Invalid for what is not by who its head says, or not for this key."""
        envelope.check(self.chain, self.now_ms)
        if state is None:
            inside = open_sealed(envelope, pair.seed)
        else:
            inside = open_within(envelope, _keys_by_reader(state)[pair.public])
        head, author = envelope.head, envelope.head.account
        if author is not None and head.sender not in await self._keys_of(author):
            author = None
        return _Opened(envelope, inside, author)

    async def _keys_of(self, account: bytes) -> frozenset[bytes]:
        if account not in self._keys:
            answer = await self.client.account(account, finality=Finality.HEAD)
            self._keys[account] = frozenset(item.key for item in answer.authority.keys)
        return self._keys[account]

    async def delete(self, item: Envelope | SentLetter, key: KeyPair) -> None:
        """Have an envelope dropped everywhere, by its mailbox's key or its sender's."""
        await self.client.delete_mail(delete(item.head, item.signature, key))

    async def delete_sent(self, letter: SentLetter) -> None:
        """Have a letter dropped that was sent from here, and its copy; raises Refused if the key
        that has signed it is here no more."""
        keys = self.pairs
        if letter.one_time_seed is not None:
            keys = [KeyPair.from_seed(letter.one_time_seed)]
        for key in keys:
            if key.public == letter.head.sender:
                await self.delete(letter, key)
                self.folder.drop_sent(letter.head.id)
                return
        raise Refused("the key that has signed it is not here", field="LETTER", code="unknown-key")

    async def burn(self, item: Received) -> None:
        """What becomes of a letter that is read: if it asks for that, it is deleted everywhere, or
        if others are to read it too, shown here no more."""
        if item.letter.burn and item.group is None:
            await self.delete(item.envelope, item.key)
        elif item.letter.burn:
            self.folder.burn(item.envelope.id, item.envelope.head.expires_ms)

    # Groups

    def keep(self, state: GroupState) -> None:
        """Keep what is known of a group now."""
        self.groups[state.group] = state
        self.folder.put_group(state)

    def leave(self, group: bytes) -> None:
        """Forget a group and its keys."""
        self.groups.pop(group, None)
        self.folder.drop_group(group)

    def find_group(self, text: str) -> GroupState:
        """A group by its name, or the beginning of its id; raises Refused."""
        groups = self.groups.values()
        named = [item for item in groups if item.name == text]
        if not named and len(text) >= MIN_ID_DIGITS:
            named = [item for item in groups if item.group.hex().startswith(text)]
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(item.group.hex()[:16] for item in named)
            raise Refused(f"several groups are called that: say which, {ids}", field="GROUP")
        raise Refused(
            f"you are in no group {text[:80]!r}; `reelect mail group list` shows which",
            field="GROUP",
            code="not-found",
        )

    async def _join(self, found: _Opened, invitation: Invitation, pair: KeyPair) -> None:
        """Keep the key of a group to which its owner has added the account."""
        known = self.groups.get(invitation.group)
        owner = found.author
        if owner is None or (known is not None and known.owner != owner):
            return
        if known is None and len(self.groups) >= MAX_GROUPS:
            return
        if known is None:
            state = GroupState(
                invitation.group, invitation.name, owner, invitation.epoch, invitation.seed, (), ()
            )
            self.keep(state)
            progress(f"{format_address(owner)} has added you to the group {invitation.name}")
        elif known.epoch < invitation.epoch:
            self.keep(replace(known, epoch=invitation.epoch, seed=invitation.seed))
        await self.delete(found.envelope, pair)

    def _rekey(self, state: GroupState, found: _Opened, rekeying: Rekeying) -> None:
        """Keep the next key of a group, or leave it if that is without this account."""
        if (
            found.author != state.owner
            or rekeying.group != state.group
            or rekeying.epoch != state.epoch + 1
        ):
            return
        if rekeying.removed == self.account:
            self.leave(state.group)
            progress(f"its owner has removed you from the group {state.name}")
            return
        seed = find_seed(rekeying, self.reader.seeds)
        if seed is not None:
            self.keep(state.rekeyed(seed, rekeying.removed, (), self.now_ms))


def _keys_by_reader(state: GroupState) -> dict[bytes, GroupKeys]:
    seeds = [state.seed, *(key.seed for key in state.past)]
    return {keys.reader.public: keys for keys in map(group_keys, seeds)}


def _may_write(state: GroupState, found: _Opened, pair: KeyPair) -> bool:
    """Whether who wrote a letter to a group is no one who was removed. By a key that the group had
    before, one who was removed could write on: nobody else can be told from him if anonymous."""
    if group_keys(state.seed).reader.public == pair.public:
        return True
    epoch = next(k.epoch for k in state.past if group_keys(k.seed).reader.public == pair.public)
    removed = {key.removed for key in state.past if key.epoch >= epoch}
    return found.author is not None and found.author not in removed


def find_letter(letters: Iterable[Received], text: str) -> Received:
    """The one letter whose id begins so; raises Usage and Refused."""
    if len(text) < MIN_ID_DIGITS:
        raise Usage(f"at least {MIN_ID_DIGITS} digits of an id are expected", field="LETTER")
    found = [item for item in letters if item.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused("several letters' ids begin so: give more digits", field="LETTER")
    raise Refused(
        "no letter of this id is held for the account; `reelect mail list` shows which are",
        field="LETTER",
        code="not-found",
    )
