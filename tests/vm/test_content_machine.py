"""Commitments, publications, thefts, transfers, names and takedown in any order, against a model
that is as naive as can be."""

from dataclasses import dataclass
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import Cid
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CLEO, SALT, publish
from vm.declare import Action
from vm.modules.account.handles import HANDLE_FEE
from vm.modules.content import (
    COMMIT_BLOCKS,
    NAMES,
    OWNED,
    VIDEOS,
    Accept,
    AcceptSpace,
    Claim,
    Commit,
    CreateSpace,
    Place,
    Reassign,
    Restore,
    SetName,
    TakeDown,
    Transfer,
    TransferSpace,
    is_served,
    owner_of,
    resolve,
)
from vm.modules.content.committing import COMMIT_S, MOST_COMMITMENTS, let_lapse
from vm.registry import REGISTRY

PEOPLE = [ANNA.public, BEN.public, CLEO.public]
CONTENTS = [publish(b"content %d" % i).cid for i in range(6)]
PLACES = [Place(space, name) for space in ("films", "shorts") for name in ("a", "b")]
POLICY = b"p" * 32
AGE = 2
SHELF_MS = 1000 * COMMIT_S.default

people, contents = st.sampled_from(PEOPLE), st.sampled_from(CONTENTS)
places, picks = st.sampled_from(PLACES), st.integers(0, 5)
T = TypeVar("T")


def picked(items: list[T], pick: int | None) -> T | None:
    """One of them, if there are any and one is wanted."""
    return items[pick % len(items)] if items and pick is not None else None


@dataclass
class Owned:
    """Something that has an owner and can be offered."""

    owner: bytes
    offered: bytes | None = None


class ContentMachine(RuleBasedStateMachine):
    """The chain and dictionaries agree."""

    @initialize()
    def begin(self) -> None:
        """Anna has a space, and Ben."""
        self.stage = Stage()
        COMMIT_BLOCKS.set(self.stage.world.state, AGE)
        HANDLE_FEE.set(self.stage.world.state, 0)
        self.spaces = {"films": Owned(ANNA.public), "shorts": Owned(BEN.public)}
        for name, space in self.spaces.items():
            assert self.stage.act(space.owner, CreateSpace(name, "cinema", "A space")) == "ok"
        self.commitments: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self.lines: dict[Cid, Owned] = {}  # by the first version
        self.versions: dict[Cid, list[Cid]] = {}
        self.names: dict[Place, Cid] = {}
        self.down: set[Cid] = set()

    def act(self, who: bytes, action: Action, good: bool) -> bool:
        """Carry it out, which succeeds just if it is good."""
        assert (self.stage.act(who, action) == "ok") is good, action
        return good

    def first_of(self, cid: Cid) -> Cid | None:
        """The first version of a published one."""
        return next((first for first, cids in self.versions.items() if cid in cids), None)

    def owner_of(self, cid: Cid) -> bytes | None:
        """Whose it is."""
        first = self.first_of(cid)
        return None if first is None else self.lines[first].owner

    def is_newest(self, cid: Cid) -> bool:
        """Whether nothing has replaced it."""
        return any(cids[-1] == cid for cids in self.versions.values())

    def resolved(self, place: Place) -> Cid | None:
        """The newest version of what the name stands for, if that is the space's owner's."""
        first = self.names.get(place)
        if first is None or self.lines[first].owner != self.spaces[place.space].owner:
            return None
        return self.versions[first][-1]

    # Commitments, also copied ones

    @rule(who=people, claimed_for=people, cid=contents)
    def commit(self, who: bytes, claimed_for: bytes, cid: Cid) -> None:
        """Commit for oneself, or copy what another commits to."""
        commitment = Claim(claimed_for, cid, SALT).commitment
        waiting = sum(account == who for account, _ in self.commitments)
        good = (who, commitment) not in self.commitments and waiting < MOST_COMMITMENTS
        if self.act(who, Commit(commitment), good):
            stage = self.stage
            self.commitments[who, commitment] = (stage.world.height, stage.time_ms + SHELF_MS)

    @rule(blocks=st.integers(1, 3))
    def wait(self, blocks: int) -> None:
        """Blocks go by."""
        self.stage.world.height += blocks
        self._let_pass(1000 * blocks)

    @rule(share=st.sampled_from([2, 1]))
    def wait_long(self, share: int) -> None:
        """Half a commitment's life, or all of it."""
        self._let_pass(SHELF_MS // share)

    def _let_pass(self, time_ms: int) -> None:
        self.stage.time_ms += time_ms
        self.stage.step(let_lapse)
        now_ms = self.stage.time_ms
        self.commitments = {key: at for key, at in self.commitments.items() if at[1] > now_ms}

    # Publication, also by thieves, who have seen all of it

    @rule(
        who=people,
        cid=contents,
        replaces=st.none() | contents,
        parent=st.none() | contents,
        place=st.none() | places,
    )
    def publish(
        self, who: bytes, cid: Cid, replaces: Cid | None, parent: Cid | None, place: Place | None
    ) -> None:
        """Anybody tries to publish anything, in any way."""
        commitment = Claim(who, cid, SALT).commitment
        at = self.commitments.get((who, commitment))
        first = cid if replaces is None else self.first_of(replaces)
        good = at is not None and self.stage.world.height >= at[0] + AGE
        good = good and self.first_of(cid) is None
        if replaces is not None:
            good = good and self.owner_of(replaces) == who and self.is_newest(replaces)
        if parent is not None:
            good = good and self.first_of(parent) is not None
        if place is not None:
            good = good and self.spaces[place.space].owner == who
            good = good and (self.resolved(place) is None or self.names[place] == first)
        action = publish(cid=cid, replaces=replaces, parent=parent, place=place)
        if self.act(who, action, good) and first is not None:
            del self.commitments[who, commitment]
            self.lines.setdefault(first, Owned(who))
            self.versions.setdefault(first, []).append(cid)
            if place is not None:
                self.names[place] = first

    @rule(
        who=people,
        new=picks,
        blocks=st.sampled_from([AGE, AGE + 1, AGE - 1]),
        replaced=st.none() | picks,
        name=st.none() | picks,
        shown_to=people,
    )
    def come_out(
        self,
        who: bytes,
        new: int,
        blocks: int,
        replaced: int | None,
        name: int | None,
        shown_to: bytes,
    ) -> None:
        """Commit, wait and publish, perhaps as a next version; another tries the same before."""
        unclaimed = [cid for cid in CONTENTS if self.first_of(cid) is None]
        own = [cids[-1] for first, cids in self.versions.items() if self.lines[first].owner == who]
        rooms = [place for place in PLACES if self.spaces[place.space].owner == who]
        cid = picked(unclaimed, new)
        if cid is None:
            return
        self.commit(who, who, cid)
        self.wait(blocks)
        replaces, place = picked(own, replaced), picked(rooms, name)
        if shown_to != who:
            self.publish(shown_to, cid, replaces, None, place)
        self.publish(who, cid, replaces, None, place)

    # Names, owners, takedown

    @rule(who=people, place=places, cid=st.none() | contents)
    def set_name(self, who: bytes, place: Place, cid: Cid | None) -> None:
        """Give a name to something, or to nothing."""
        good = self.spaces[place.space].owner == who
        good = good and (place in self.names if cid is None else self.owner_of(cid) == who)
        if self.act(who, SetName(place.space, place.name, cid), good):
            first = None if cid is None else self.first_of(cid)
            if first is None:
                del self.names[place]
            else:
                self.names[place] = first

    @rule(who=people, cid=contents, to=st.none() | people)
    def transfer(self, who: bytes, cid: Cid, to: bytes | None) -> None:
        """Offer a video, or take the offer back."""
        first = self.first_of(cid)
        good = self.owner_of(cid) == who != to
        if self.act(who, Transfer(cid, to), good) and first is not None:
            self.lines[first].offered = to

    @rule(who=people, new=picks, to=people)
    def sell(self, who: bytes, new: int, to: bytes) -> None:
        """Offer one's own video, which is accepted."""
        own = [cids[-1] for first, cids in self.versions.items() if self.lines[first].owner == who]
        cid = picked(own, new)
        if cid is not None:
            self.transfer(who, cid, to)
            self.accept(to, cid)

    @rule(who=people, cid=contents)
    def accept(self, who: bytes, cid: Cid) -> None:
        """Accept a video."""
        first = self.first_of(cid)
        good = first is not None and self.lines[first].offered == who and self.is_newest(cid)
        if self.act(who, Accept(cid), good) and first is not None:
            self.lines[first] = Owned(who)

    @rule(cid=contents, to=people)
    def reassign(self, cid: Cid, to: bytes) -> None:
        """A proposal gives a video to another."""
        first, good = self.first_of(cid), self.owner_of(cid) not in (None, to)
        if self.act(POLICY, Reassign(cid, to, "a better claim"), good) and first is not None:
            self.lines[first] = Owned(to)

    @rule(who=people, space=st.sampled_from(["films", "shorts"]), to=st.none() | people)
    def transfer_space(self, who: bytes, space: str, to: bytes | None) -> None:
        """Offer a space, or take the offer back."""
        if self.act(who, TransferSpace(space, to), self.spaces[space].owner == who != to):
            self.spaces[space].offered = to

    @rule(who=people, space=st.sampled_from(["films", "shorts"]))
    def accept_space(self, who: bytes, space: str) -> None:
        """Accept a space."""
        if self.act(who, AcceptSpace(space), self.spaces[space].offered == who):
            self.spaces[space] = Owned(who)

    @rule(cid=contents)
    def take_down(self, cid: Cid) -> None:
        """A proposal takes content down, published or not."""
        self.act(POLICY, TakeDown(cid, "a reason"), cid not in self.down)
        self.down.add(cid)

    @rule(cid=contents)
    def restore(self, cid: Cid) -> None:
        """A proposal restores it."""
        self.act(POLICY, Restore(cid, "a reason"), cid in self.down)
        self.down.discard(cid)

    # What must hold

    @invariant()
    def each_content_has_one_owner(self) -> None:
        """The one who had committed to it in time, or who got it since."""
        state = self.stage.world.state
        for cid in CONTENTS:
            assert owner_of(state, cid) == self.owner_of(cid)
            assert is_served(state, cid) is (cid not in self.down)
        owned = sorted((line.owner, first) for first, line in self.lines.items())
        assert sorted((key[0], key[2]) for key, _ in OWNED.every(state)) == owned

    @invariant()
    def versions_follow_one_another(self) -> None:
        """As they were published."""
        state = self.stage.world.state
        rows = {cid: row for (cid,), row in VIDEOS.every(state)}
        expected = {
            cid: (first, number)
            for first, cids in self.versions.items()
            for number, cid in enumerate(cids, 1)
        }
        assert {cid: (row.first, row.number) for cid, row in rows.items()} == expected

    @invariant()
    def names_resolve_to_the_newest_own_version(self) -> None:
        """Or to nothing."""
        state = self.stage.world.state
        assert {Place(*key): row.video for key, row in NAMES.every(state)} == self.names
        for place in PLACES:
            line = resolve(state, place)
            assert (None if line is None else line.newest) == self.resolved(place)

    @invariant()
    def the_state_is_sound(self) -> None:
        """By what the modules declare."""
        assert list(REGISTRY.broken_invariants(self.stage.world.state)) == []


TestContentMachine = ContentMachine.TestCase
TestContentMachine.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
