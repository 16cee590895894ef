"""The mailroom: what it takes, holds, gives and drops, and what of it survives a restart."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.mail import (
    MAX_SEALED_BYTES,
    Deletion,
    Envelope,
    EnvelopeHead,
    InvalidMail,
    MailRefused,
    delete,
)
from node.mail.index import (
    ANONYMOUS_SHARE,
    MAILBOX_SHARE,
    MIN_MAILBOX_BYTES,
    ROW_BYTES,
    SENDER_SHARE,
    MailIndex,
    MailLimits,
)
from p2p.mail import MAX_MAIL_BYTES, HeldMail
from storage.database import Database, DatabaseDamaged
from storage.mail import MailStore
from tests.node.mail import (
    DAY_MS,
    NOW_MS,
    Clock,
    KnownAccounts,
    envelope,
    head_of,
    open_mailroom,
    paid_by_work,
)
from tests.node.network import key

ALICE, BOB, EVE = key("alice"), key("bob"), key("eve")
KEYS = [key(f"mail {i}") for i in range(4)]
SMALL = MailLimits(MIN_MAILBOX_BYTES * MAILBOX_SHARE, MIN_MAILBOX_BYTES)


def code_of(caught: pytest.ExceptionInfo[MailRefused]) -> str:
    return caught.value.code


def test_mail_is_held_told_once_and_deleted_for_good(tmp_path: Path) -> None:
    with open_mailroom(tmp_path, Clock()) as room:
        told: list[Envelope | Deletion] = []
        silence = room.listen(told.append)
        made = envelope(ALICE, BOB.public)
        assert room.take(made)
        assert not room.take(made)
        assert room.in_mailbox([BOB.public], None, 9) == [made]
        assert room.in_mailbox([EVE.public], None, 9) == []
        deletion = delete(made.head, made.signature, BOB)
        assert room.delete(deletion)
        assert not room.delete(deletion)
        assert told == [made, deletion]
        assert not room.take(made)  # a replay
        assert room.in_mailbox([BOB.public], None, 9) == []
        assert room.find(made.id) == deletion
        silence()
        room.take(envelope(ALICE, EVE.public))
        assert len(told) == 2


def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    held, dropped = envelope(ALICE, BOB.public), envelope(ALICE, EVE.public)
    with open_mailroom(tmp_path, Clock()) as room:
        room.take(held)
        room.take(dropped)
        room.delete(delete(dropped.head, dropped.signature, EVE))
        size = room.index.size_bytes
    with open_mailroom(tmp_path, Clock()) as room:
        assert room.in_mailbox([BOB.public, EVE.public], None, 9) == [held]
        assert isinstance(room.find(dropped.id), Deletion)
        assert room.index.size_bytes == size
        assert not room.take(dropped)
    with open_mailroom(tmp_path, Clock(NOW_MS + DAY_MS)) as room:
        assert (len(room.index), room.index.size_bytes) == (0, 0)
        assert room.find(held.id) is None


def test_an_earlier_deletion_keeps_an_envelope_out(tmp_path: Path) -> None:
    """Deletions may overtake what they delete."""
    made = envelope(ALICE, BOB.public)
    with open_mailroom(tmp_path, Clock()) as room:
        assert room.delete(delete(made.head, made.signature, ALICE))
        assert not room.take(made)


def test_forged_and_foreign_mail_changes_nothing(tmp_path: Path) -> None:
    made = envelope(ALICE, BOB.public)
    with open_mailroom(tmp_path, Clock()) as room:
        room.take(made)
        with pytest.raises(InvalidMail):
            room.delete(delete(made.head, made.signature, EVE))
        assert room.in_mailbox([BOB.public], None, 9) == [made]
        with pytest.raises(MailRefused) as caught:
            room.take(envelope(ALICE, BOB.public, expires_ms=NOW_MS))
        assert code_of(caught) == "mail-expired"
        assert len(room.index) == 1


def test_who_does_not_pay_works(tmp_path: Path) -> None:
    with open_mailroom(tmp_path, Clock(), KnownAccounts({EVE.public})) as room:
        for made in (envelope(EVE, BOB.public), envelope(ALICE, BOB.public, anonymous=True)):
            with pytest.raises(MailRefused) as caught:
                room.take(made)
            assert code_of(caught) == "mail-unpaid"
        assert room.take(paid_by_work(EVE, BOB.public, bytes(512)))
        with pytest.raises(MailRefused) as caught:  # the work of a small one is not enough
            room.take(paid_by_work(EVE, BOB.public, bytes(MAX_SEALED_BYTES)))
        assert code_of(caught) == "mail-unpaid"
        assert room.refused == 3


def test_nobody_sends_as_another_account(tmp_path: Path) -> None:
    head = head_of(EVE, BOB.public, sha256(bytes(512)))
    head = EnvelopeHead(
        head.chain, ALICE.public, head.sender, head.mailbox, head.expires_ms, head.digest, head.work
    )
    with open_mailroom(tmp_path, Clock()) as room:
        with pytest.raises(MailRefused) as caught:
            room.take(Envelope(head, EVE.sign(head.encode()), bytes(512)))
        assert code_of(caught) == "mail-not-the-accounts"


def largest(sender: KeyPair, mailbox: bytes, number: int) -> Envelope:
    sealed = number.to_bytes(4, "big") + bytes(MAX_SEALED_BYTES - 4)
    return envelope(sender, mailbox, sealed=sealed)


def test_a_flood_by_one_account_fills_a_sixteenth_of_a_mailbox(tmp_path: Path) -> None:
    with open_mailroom(tmp_path, Clock(), limits=SMALL) as room:
        most = MIN_MAILBOX_BYTES // SENDER_SHARE // (MAX_SEALED_BYTES + ROW_BYTES)
        for number in range(most):
            room.take(largest(EVE, BOB.public, number))
        with pytest.raises(MailRefused) as caught:
            room.take(largest(EVE, BOB.public, most))
        assert code_of(caught) == "mail-full"
        assert room.take(largest(ALICE, BOB.public, 0))  # others still can
        expired = Clock(NOW_MS + DAY_MS)
    with open_mailroom(tmp_path, expired, limits=SMALL) as room:
        assert room.index.size_bytes == 0


HEADS = st.builds(
    lambda sender, mailbox, digest, anonymous, life: head_of(
        KEYS[sender],
        KEYS[mailbox].public,
        sha256(bytes([digest])),
        anonymous=anonymous,
        expires_ms=NOW_MS + life,
    ),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 255),
    st.booleans(),
    st.integers(1, 9),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), HEADS, st.sampled_from([512, 2048, 8192])),
        st.tuples(st.just("remove"), st.integers(0, 30)),
        st.tuples(st.just("expire"), st.integers(0, 10)),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_the_index_agrees_with_a_plain_list(steps: list[tuple[object, ...]]) -> None:
    """All bounds hold after each step, by sums over the whole list."""
    limits = MailLimits(40_000, 24_000)
    index, model = MailIndex(limits), dict[bytes, tuple[EnvelopeHead, int]]()
    for step in steps:
        if step[0] == "add":
            head, size = step[1], step[2]
            assert isinstance(head, EnvelopeHead)
            assert isinstance(size, int)
            if head.id in model:
                continue
            fits = within(limits, [*model.values(), (head, size + ROW_BYTES)])
            try:
                index.check_room(head, size)
            except MailRefused:
                assert not fits
                continue
            assert fits
            index.add(head, size, is_deleted=False)
            model[head.id] = (head, size + ROW_BYTES)
        elif step[0] == "remove":
            ids = sorted(model)
            assert isinstance(step[1], int)
            for identity in ids[step[1] : step[1] + 1]:
                index.remove(identity)
                del model[identity]
        else:
            assert isinstance(step[1], int)
            now_ms = NOW_MS + step[1]
            gone = index.expired(now_ms, 99)
            assert sorted(gone) == sorted(i for i in model if model[i][0].expires_ms <= now_ms)
            for identity in gone:
                index.remove(identity)
                del model[identity]
        assert index.size_bytes == sum(cost for _, cost in model.values())
        assert index.after(None, 99) == sorted(model)
    for box in {head.mailbox for head, _ in model.values()}:
        expected = sorted(i for i in model if model[i][0].mailbox == box)
        assert index.in_mailbox(box, None, 99) == expected
        assert index.in_mailbox(box, expected[0], 99) == expected[1:]


def within(limits: MailLimits, items: list[tuple[EnvelopeHead, int]]) -> bool:
    sums: dict[object, int] = {}
    for head, cost in items:
        most: dict[object, int] = {
            "all": limits.quota_bytes,
            ("box", head.mailbox): limits.mailbox_bytes,
        }
        if head.account is None:
            most["nobody"] = limits.quota_bytes // ANONYMOUS_SHARE
            most["nobody", head.mailbox] = limits.mailbox_bytes // ANONYMOUS_SHARE
        else:
            most[head.account] = limits.quota_bytes // MAILBOX_SHARE
            most[head.account, head.mailbox] = limits.mailbox_bytes // SENDER_SHARE
        for what, bound in most.items():
            sums[what] = sums.get(what, 0) + cost
            if sums[what] > bound:
                return False
    return True


def test_a_page_has_room_for_what_an_answer_may_hold(tmp_path: Path) -> None:
    with open_mailroom(tmp_path, Clock()) as room:
        made = [largest(key(f"sender {i // 3}"), BOB.public, i) for i in range(18)]
        for item in made:
            room.take(item)
        ordered = sorted(made, key=lambda item: item.id)
        page = room.in_mailbox([BOB.public], None, 99)
        assert page == ordered[: MAX_MAIL_BYTES // MAX_SEALED_BYTES]
        assert room.in_mailbox([BOB.public], page[-1].id, 99) == ordered[len(page) :]
        held = room.held(None)
        assert held == tuple(HeldMail(item.id, deleted=False) for item in ordered)
        envelopes, deletions = room.encoded([item.id for item in held])
        assert deletions == ()
        assert 0 < sum(map(len, envelopes)) <= MAX_MAIL_BYTES


def test_what_a_peer_holds_is_news_once(tmp_path: Path) -> None:
    made = envelope(ALICE, BOB.public)
    with open_mailroom(tmp_path, Clock()) as room:
        there = HeldMail(made.id, deleted=False)
        assert room.lacking([there]) == [made.id]
        room.take(made)
        assert room.lacking([there]) == []
        assert room.lacking([HeldMail(made.id, deleted=True)]) == [made.id]
        room.delete(delete(made.head, made.signature, BOB))
        assert room.lacking([there, HeldMail(made.id, deleted=True)]) == []


def test_damaged_mail_is_found_when_the_node_starts(tmp_path: Path) -> None:
    made = envelope(ALICE, BOB.public)
    with Database.open(tmp_path) as database:
        MailStore(database).put(made)
        database.write([(b"a" + made.id, b"garbage")], sync=True)
        with pytest.raises(DatabaseDamaged, match="damaged"):
            list(MailStore(database).held())
