"""A local network with producers beyond its first set, and epochs of its own length."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from consensus.beacon import RevealChain
from consensus.keys import KeyPair
from genesis.preset import load_preset
from node.config.sources import load_config
from node.failure import Refused, Usage
from node.local.accounts import read_local_accounts
from node.local.folder import LocalFolder
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.validator import JOURNAL_FILE
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from storage.journal import Journal
from vm.modules.chain import chain_constants
from vm.modules.producer import CANDIDATES, PRODUCERS, elect
from vm.modules.tokens import balance_of
from vm.registry import REGISTRY


@pytest.fixture(autouse=True)
def _short_reveals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.new_node.RevealChain", partial(RevealChain, length=8))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[LocalFolder]:
    made = LocalFolder.at(tmp_path / "local")
    with made.owned():
        yield made


def make(folder: LocalFolder, **wishes: int) -> LocalChain:
    form = choose_form(folder, LocalWishes(**wishes))  # type: ignore[arg-type]
    return open_or_create(folder, form, lambda _: 1_800_000_000_000)


def test_spares_are_registered_and_do_not_stand(folder: LocalFolder) -> None:
    chain = make(folder, nodes=2, spare_seats=3)
    state = chain.genesis.state()
    producers = chain.accounts.of_producers()
    assert list(producers) == [f"producer-{i}" for i in range(24)]
    spares = set(list(producers.values())[21:])
    assert {row.name for _, row in PRODUCERS.every(state)} == set(producers)
    assert {account for (account,), _ in CANDIDATES.every(state)} == (
        set(producers.values()) - spares
    )
    elected = elect(state)
    assert elected is not None
    assert not spares & set(elected.index)
    assert elected.members == chain.genesis.members
    assert list(REGISTRY.broken_invariants(state)) == []


def test_a_spare_is_dealt_to_a_node_whose_journal_knows_its_key(folder: LocalFolder) -> None:
    chain = make(folder, nodes=3, spare_seats=4)
    found: set[bytes] = set()
    for place, count in enumerate((9, 8, 8)):
        config = load_config(folder.node(place) / "config.toml", (), {})
        assert len(config.seats) == count
        found |= {seat.account for seat in config.seats}
        seeds = [
            read_seed_file(seat.consensus_key_file, KeyKind.CONSENSUS) for seat in config.seats
        ]
        with Journal.open(config.node.data_dir / JOURNAL_FILE) as journal:
            known = {entry.key for entry in journal.entries}
        assert known == {KeyPair.from_seed(seed).public for seed in seeds}
    assert found == set(chain.accounts.producers)


def test_producers_are_found_by_name_and_can_pay_fees(folder: LocalFolder) -> None:
    chain = make(folder, nodes=2, spare_seats=1)
    accounts = read_local_accounts(folder.accounts_file)
    assert accounts == chain.accounts
    spare = accounts.by_name()["producer-21"]
    assert accounts.key(spare).public == spare
    assert accounts.holds(spare)
    assert not accounts.holds(bytes(32))
    assert accounts.names() == "dev0 to dev9, producer-0 to producer-21"
    state = chain.genesis.state()
    assert {balance_of(state, item, "REEL") for item in accounts.producers} == {10**11}


def test_without_the_option_there_are_none(folder: LocalFolder) -> None:
    chain = make(folder)
    assert len(chain.accounts.producers) == 21
    assert (chain.form.spare_seats, chain.form.epoch_slots) == (0, 126)


def test_a_network_keeps_its_spares_and_epochs(folder: LocalFolder) -> None:
    chain = make(folder, nodes=2, spare_seats=2, epoch_slots=63)
    assert chain_constants(chain.genesis.state()).epoch_slots == 63
    assert make(folder).form == make(folder, spare_seats=2, epoch_slots=63).form == chain.form
    for wish, option in (("spare_seats", "--spare-seats"), ("epoch_slots", "--epoch-slots")):
        with pytest.raises(Refused) as refusal:
            make(folder, **{wish: 70})
        assert (refusal.value.code, refusal.value.field) == ("other-network", option)


def test_the_first_set_can_be_smaller(folder: LocalFolder) -> None:
    """Its names are the preset's first ones, and its spare producers follow them."""
    form = choose_form(folder, LocalWishes(nodes=4, preset="kol", seats=5))
    chain = open_or_create(folder, form, lambda _: 1_800_000_000_000)
    state, producers = chain.genesis.state(), chain.accounts.of_producers()
    assert list(producers) == [f"producer-{i}" for i in range(8)]
    names = {account: row.name for (account,), row in PRODUCERS.every(state)}
    kol = load_preset("kol").seats
    assert [names[each] for each in producers.values()] == [*kol.producers[:5], *kol.spares]
    assert {item.producer for item in chain.genesis.members} == set(list(producers.values())[:5])
    assert make(folder).form == form
    with pytest.raises(Refused) as refusal:
        make(folder, seats=6)
    assert (refusal.value.code, refusal.value.field) == ("other-network", "--seats")


@pytest.mark.parametrize(
    ("wishes", "option"),
    [
        ({"seats": 3}, "--seats"),
        ({"seats": 22}, "--seats"),
        ({"seats": 6, "nodes": 7}, "--seats"),
        ({"seats": 20, "spare_seats": 2, "nodes": 1}, "--spare-seats"),
        ({"spare_seats": -1}, "--spare-seats"),
        ({"spare_seats": 22}, "--spare-seats"),
        ({"spare_seats": 1, "nodes": 1}, "--spare-seats"),
        ({"epoch_slots": 62}, "--epoch-slots"),
        ({"epoch_slots": 1_000_001}, "--epoch-slots"),
    ],
)
def test_what_does_not_fit(folder: LocalFolder, wishes: dict[str, int], option: str) -> None:
    with pytest.raises(Usage) as refusal:
        choose_form(folder, LocalWishes(**wishes))  # type: ignore[arg-type]
    assert refusal.value.field == option


def test_a_whole_set_of_spares_fits_two_nodes(folder: LocalFolder) -> None:
    form = choose_form(folder, LocalWishes(nodes=2, spare_seats=21))
    assert (form.nodes, form.spare_seats) == (2, 21)


def test_a_network_of_another_version_is_named(folder: LocalFolder) -> None:
    make(folder, nodes=2)
    form = json.loads(folder.form_file.read_text())
    del form["spare_seats"]
    folder.form_file.write_text(json.dumps(form))
    with pytest.raises(Refused, match="reelect reset"):
        folder.form()
