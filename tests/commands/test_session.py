"""Sessions and ratings, from the command line to the state."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.session import why
from node.events import place_of
from node.query.session_answers import FitItem, MatchAnswer
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from node.wallet.ticket import PREFIX, SignedTicket, parse_ticket, sign_ticket
from tests.api.test_sessions import sessions_genesis
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.conftest import PASSWORD, WEAK, LivingTransport, Run
from tests.node.network import key
from vm.modules.draws import MOST_BLOCKS_BETWEEN
from vm.modules.ratings import standing_of_account
from vm.modules.sessions import (
    PROFILES,
    REQUESTS,
    SESSIONS,
    Fit,
    Profile,
    Ticket,
    Wish,
)
from vm.modules.tokens import balance_of

CAROL, TICKETS = key("carol"), key("tickets")
REEL = 10**8
OFFER = ("profile", "set", "--kind", "video", "--language", "en", "--price", "0.6")
WISH = ("--language", "en", "--max-price", "0.6")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", sessions_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _people(node: LivingTransport, run: Run, home: Path) -> None:
    """Alice calls; Bob offers sessions at 0.6 REEL a minute; Carol has a little money."""
    store = Keystore(home / ".reelect" / "node" / "keystore")
    store.add("carol", KeyKind.ACCOUNT, CAROL.seed, PASSWORD, strength=WEAK)
    store.add("tickets", KeyKind.ACCOUNT, TICKETS.seed, PASSWORD, strength=WEAK)
    for name in ("bob", "carol"):
        assert run("tx", "transfer", name, "10").code == 0
    done(run, *OFFER, "--interest", "chess", "--interest", "art", "--from", "bob")


def done(run: Run, *command: str, of: str = "session") -> JsonObject:
    answer = run(of, *command, "--json")
    assert (answer.code, answer.err) == (0, "")
    return cast(JsonObject, answer.json)


def refused(run: Run, *command: str, of: str = "session", code: int = 1) -> tuple[str, str]:
    """Code and field of what is refused, which prints nothing and sends nothing."""
    answer = run(of, *command, "--json")
    assert (answer.code, answer.out) == (code, ""), answer
    return str(answer.error["code"]), str(answer.error["field"])


def begun(run: Run, number: int = 0) -> None:
    """Alice calls Bob for ten minutes, who accepts."""
    done(run, "open", "bob", "--minutes", "10")
    done(run, "accept", str(number), "--from", "bob")


def made(run: Run, *command: str) -> str:
    return str(done(run, "ticket", "make", *command)["ticket"])


def countersigned(run: Run, line: str) -> str:
    return str(done(run, "ticket", "sign", line)["ticket"])


def profile_of(world: World, account: bytes) -> Profile:
    found = PROFILES.get(world.chain.state.view(), account)
    assert found is not None
    return found


def held(world: World, account: bytes) -> int:
    return balance_of(world.chain.state.view(), account, "REEL")


def test_a_profile_keeps_what_is_not_given(world: World, run: Run) -> None:
    first = Profile("video", ("en",), ("art", "chess"), "REEL", 60_000_000, True)
    assert profile_of(world, BOB.public) == first
    done(run, "profile", "set", "--unavailable", "--price", "0.7REEL", "--from", "bob")
    assert profile_of(world, BOB.public) == Profile(
        "video", ("en",), ("art", "chess"), "REEL", 70_000_000, False
    )
    done(run, "profile", "set", "--language", "fr", "--language", "de", "--from", "bob")
    assert profile_of(world, BOB.public).languages == ("de", "fr")
    shown = run("session", "profile", "show", "bob").out
    assert "0.7 REEL a minute" in shown
    assert "not rated yet" in shown
    done(run, "profile", "withdraw", "--from", "bob")
    assert done(run, "profile", "show", "bob")["profile"] is None


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        (("--interest", "Chess"), 2, "--interest"),
        (("--language", "English language"), 2, "--language"),
        (("--price", "0"), 2, "--price"),
        (("--price", "cheap"), 2, "--price"),
        (("--price", "100000000"), 2, "--price"),
        (("--price", "1NONE"), 1, "asset"),
        (tuple(f"--interest=i{n}" for n in range(17)), 2, "--interest"),
    ],
)
def test_a_bad_profile_names_its_option(
    run: Run, options: tuple[str, ...], code: int, field: str
) -> None:
    command = ("profile", "set", *options, "--from", "bob")
    assert refused(run, *command, code=code)[1] == field


def test_a_first_profile_is_whole(run: Run) -> None:
    for option in ("--kind", "--language", "--price"):
        at = OFFER.index(option)
        rest = OFFER[:at] + OFFER[at + 2 :]
        assert refused(run, *rest, "--from", "carol", code=2) == ("usage", option)


def test_a_match_is_shown_with_its_reason_and_sends_nothing(
    node: LivingTransport, run: Run
) -> None:
    node.requests.clear()
    answer = run("session", "match", *WISH, "--interest", "art")
    assert answer.code == 0
    assert answer.out.splitlines()[0] == f"{format_address(BOB.public)} is the only one that fits."
    assert "1 of 1" in answer.out
    cheap = run("session", "match", "--language", "en", "--max-price", "0.59").out
    assert cheap == "Nobody else who offers video in en is available at that price.\n"
    own = run("session", "match", *WISH, "--caller", "bob").out
    assert own == "Nobody else who offers video in en is available at that price.\n"
    none = run("session", "match", "--language", "fr", "--max-price", "1").out
    assert none == "Nobody who offers video in fr is available.\n"
    assert {method for method, _ in node.requests} == {"GET"}


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        (((0, 1),), "shares 1 of 2 interests, more than any other"),
        (
            ((1, 8), (1, 9), (0, 1)),
            "shares 1 of 2 interests, as 2 more do, and is the cheapest of them",
        ),
        (
            ((1, 7), (1, 9)),
            "shares 1 of 2 interests at the same price as 1 more, and is drawn by the beacon of "
            "this block; that of another may draw another of them",
        ),
    ],
)
def test_the_reason_is_what_decided(
    world: World, others: tuple[tuple[int, int], ...], reason: str
) -> None:
    state = world.chain.state.view()
    items = tuple(
        FitItem(
            Fit(bytes([place]) * 32, *terms, bytes(32)), standing_of_account(state, ALICE.public)
        )
        for place, terms in enumerate(((1, 7), *others))
    )
    at = place_of(world.chain.fork.head)
    answer = MatchAnswer(items, len(items), bytes(32), at)
    wish = Wish("video", "en", ("art", "go"), "REEL", 9)
    assert why(answer, wish) == f"{format_address(bytes(32))} {reason}."


def test_who_asks_is_matched_and_pays_no_more_than_the_match(
    world: World, node: LivingTransport, run: Run
) -> None:
    before = held(world, ALICE.public)
    sent = run("session", "ask", "--language", "en", "--max-price", "0.9", "--minutes", "10")
    lines = dict(line.split(maxsplit=1) for line in sent.out.splitlines())
    assert (lines["escrow"], lines["session"]) == ("9 REEL", "0")
    for _ in range(MOST_BLOCKS_BETWEEN):
        node.skip(0)
    found = SESSIONS.get(world.chain.state.view(), 0)
    assert found is not None
    assert found.provider == BOB.public
    assert before - 7 * REEL < held(world, ALICE.public) < before - 6 * REEL
    assert REQUESTS.get(world.chain.state.view(), 0) is None


def test_a_session_of_the_last_ticket_is_paid_at_once_and_rated_once(
    world: World, run: Run
) -> None:
    begun(run)
    before = held(world, BOB.public)
    line = countersigned(run, made(run, "0", "600", "--last"))
    checked = done(run, "ticket", "verify", line)
    assert (checked["costs"], checked["settles"]) == ("6 REEL", "at once")
    done(run, "settle", line)
    assert held(world, BOB.public) == before + 48 * REEL // 10
    assert refused(run, "settle", line) == ("session-over", "session")
    assert refused(run, "ticket", "verify", line) == ("session-over", "session")
    done(run, "give", "0", "4", of="rating")
    assert refused(run, "give", "0", "5", of="rating") == ("ratings.already-rated", "SESSION")
    stranger = ("give", "0", "5", "--from", "carol")
    assert refused(run, *stranger, of="rating") == ("ratings.not-invited", "SESSION")
    standing = done(run, "show", "bob", of="rating")["standing"]
    assert standing == {"counts": [0, 0, 0, 1, 0], "average_milli": 4_000}
    assert "4.000 of 5, by 1" in run("rating", "show", "bob").out
    assert "4.000 of 5, by 1" in run("session", "profile", "show", "bob").out
    listed = run("rating", "list", "bob").out.splitlines()
    assert listed[1].split()[:3] == ["0", format_address(ALICE.public), "-"]
    assert run("rating", "list", "carol").out == "The account has no session to rate.\n"


def test_any_other_ticket_waits_for_a_higher_one(world: World, run: Run) -> None:
    begun(run)
    low, high = made(run, "0", "60"), countersigned(run, made(run, "0", "90"))
    done(run, "settle", low, "--from", "alice")
    shown = run("session", "show", "0").out
    assert "60 seconds, which cost 0.6 REEL" in shown
    assert "a higher ticket can be shown before" in shown
    assert refused(run, "settle", low) == ("sessions.not-higher", "TICKET")
    done(run, "settle", high, "--from", "bob")
    row = SESSIONS.get(world.chain.state.view(), 0)
    assert row is not None
    assert row.seconds == 90
    listed = run("session", "list", "bob").out.splitlines()
    assert listed[1].split()[:4] == ["0", "settling", "provider", format_address(ALICE.public)]
    too_early = refused(run, "give", "0", "5", of="rating")
    assert too_early == ("ratings.not-invited", "SESSION")
    last = made(run, "0", "90", "--last")
    assert refused(run, "settle", last)[0] == "sessions.not-higher"
    done(run, "settle", countersigned(run, last))
    assert run("session", "list", "bob").out == "No session of the account is on its way.\n"


def changed(line: str, **fields: object) -> str:
    """A ticket that says something else than was signed."""
    signed = parse_ticket(line)
    values = {"session": 0, "seconds": 60, "is_last": False, "chain": signed.ticket.chain}
    ticket = Ticket(**{**values, **fields})  # type: ignore[arg-type]
    return SignedTicket(ticket, signed.caller_signature, None).text()


def test_bad_tickets_are_each_told_apart(world: World, run: Run) -> None:
    begun(run)
    line = made(run, "0", "60")
    chain = parse_ticket(line).ticket.chain
    forged = sign_ticket(Ticket(chain, 0, 60, False), CAROL)
    twisted = parse_ticket(line).countersigned(CAROL)
    expected = [
        (changed(line, seconds=61), "sessions.bad-ticket", 1),
        (changed(line, is_last=True), "sessions.bad-ticket", 1),
        (changed(line, chain=bytes(32)), "sessions.bad-ticket", 1),
        (changed(line, session=1), "not-found", 1),
        (changed(line, seconds=601), "sessions.too-long", 1),
        (forged.text(), "sessions.bad-ticket", 1),
        (twisted.text(), "sessions.bad-ticket", 1),
        (line[:-4], "invalid-encoding", 2),
        (line + "AAAA", "invalid-encoding", 2),
        (line.replace("x", "!"), "invalid-encoding", 2),
        (PREFIX, "invalid-encoding", 2),
    ]
    for bad, code, exit_code in expected:
        for command in (("ticket", "verify"), ("ticket", "sign"), ("settle",)):
            assert refused(run, *command, bad, code=exit_code)[0] == code, (bad, command)
    above = refused(run, "ticket", "verify", line, "--above", "60")
    assert above == ("sessions.not-higher", "TICKET")
    assert done(run, "ticket", "verify", line, "--above", "59")["seconds"] == 60
    begun_again(run)
    other = changed(line, session=1)
    assert refused(run, "settle", other) == ("sessions.bad-ticket", "TICKET")


def begun_again(run: Run) -> None:
    done(run, "profile", "set", "--available", "--from", "bob")
    begun(run, 1)


def test_only_its_sides_act_on_a_session(run: Run) -> None:
    done(run, "open", "bob", "--minutes", "10")
    assert refused(run, "accept", "0", "--from", "carol") == ("sessions.not-a-side", "--from")
    assert refused(run, "decline", "0") == ("sessions.not-a-side", "--from")
    assert refused(run, "ticket", "make", "0", "1") == ("sessions.not-accepted", "SESSION")
    done(run, "accept", "0", "--from", "bob")
    line = made(run, "0", "60")
    third = refused(run, "settle", line, "--from", "carol")
    assert third == ("sessions.not-a-side", "--from")
    assert refused(run, "accept", "0", "--from", "bob")[0] == "sessions.accepted"
    assert refused(run, "ticket", "make", "0", "601") == ("sessions.too-long", "SECONDS")


def test_who_declines_gives_the_escrow_back(world: World, run: Run) -> None:
    before = held(world, ALICE.public)
    done(run, "open", "bob", "--minutes", "10")
    done(run, "decline", "0", "--from", "bob")
    assert before - REEL < held(world, ALICE.public) < before
    assert refused(run, "show", "0") == ("session-over", "session")
    assert refused(run, "show", "1") == ("not-found", "session")


def test_what_cannot_be_opened_says_why(run: Run) -> None:
    for command, expected in [
        (("open", "carol", "--minutes", "1"), ("sessions.unavailable", "PROVIDER")),
        (
            ("open", "bob", "--minutes", "1", "--max-price", "0.59"),
            ("above-max-price", "--max-price"),
        ),
        (
            ("open", "bob", "--minutes", "1", "--from", "bob"),
            ("sessions.own-session", "actions[0]"),
        ),
    ]:
        assert refused(run, *command) == expected
    begun(run)
    assert refused(run, "open", "bob", "--minutes", "1")[0] == "sessions.unavailable"


def test_tickets_by_keys_of_their_own(run: Run, home: Path) -> None:
    done(run, "open", "bob", "--minutes", "10", "--ticket-key", "tickets")
    done(run, "accept", "0", "--from", "bob")
    line = made(run, "0", "60")
    assert parse_ticket(line) == sign_ticket(parse_ticket(line).ticket, TICKETS)
    (home / "empty").mkdir()
    absent = refused(run, "ticket", "make", "0", "60", "--keystore", str(home / "empty"))
    assert absent[0] == "unknown-key"


def test_a_ticket_comes_as_a_line_a_file_or_by_a_pipe(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(run)
    printed = run("session", "ticket", "make", "0", "60").out
    line = printed.strip()
    assert parse_ticket(line).text() == line
    (home / "ticket.txt").write_text(printed)
    monkeypatch.setattr("sys.stdin", io.StringIO(printed))
    for source in ((line,), (str(home / "ticket.txt"),), ()):
        assert done(run, "ticket", "verify", *source)["seconds"] == 60
    assert refused(run, "ticket", "verify", str(home / "none.txt"))[1] == str(home / "none.txt")
    (home / "long.txt").write_text("x" * 2000)
    assert refused(run, "settle", str(home / "long.txt"))[1] == str(home / "long.txt")
