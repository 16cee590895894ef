"""Whole nodes in one process, over real TLS on loopback."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from consensus.errors import InvalidGenesis
from consensus.fork_choice import ConflictingFinality
from genesis.build import build_genesis
from genesis.preset import load_preset
from node.alarm import Conflict
from node.config.sections import Config
from node.config.setting import Raw
from node.config.sources import load_config
from node.failure import Refused
from node.finality_proofs import is_ahead, proof_above
from node.new_node import create_node, seat_keys
from node.node import Node, Storage, open_storage, wall_clock_ms
from node.query.chain_view import NotFound
from p2p.peeraddress import PeerAddress
from tests.node.bench import memory_chain
from tests.node.network import FUNDS, key, make_genesis_of, make_seats, run_slots, transfer
from vm.modules.tokens import balance_of

NODES = 4
SLOT_MS = 300
DEADLINE_S = 60
ALICE, BOB = key("alice"), key("bob")


def make_configs(folder: Path, seats_each: int) -> list[Config]:
    """Folders of nodes that share one genesis, which begins about now."""
    made = []
    for i in range(NODES):
        seats = [seat_keys(b"%d" % i * 64, f"n{i}s{j}", j) for j in range(seats_each)]
        values: dict[str, Raw] = {"p2p.host": "127.0.0.1", "p2p.port": 0, "api.port": 0}
        home = folder / f"node{i}"
        home.mkdir(parents=True)
        made.append(create_node(home, seats, values))
    genesis = build_genesis(
        load_preset("devnet"),
        [record for node in made for record in node.records.values()],
        [(ALICE.public, FUNDS)],
        wall_clock_ms() + 500,
        slot_ms=SLOT_MS,
    )
    for node in made:
        node.config.node.genesis.write_bytes(genesis.encode())
    return [load_config(node.file, (), {}) for node in made]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for is on another node's disk
        await trio.sleep(0.02)


def same_final(storages: list[Storage], height: int) -> bool:
    ids = {storage.chain.blocks.id_at(height) for storage in storages}
    return len(ids) == 1 and None not in ids


def test_nodes_agree_on_one_final_chain_and_a_payment(tmp_path: Path) -> None:
    async def main() -> None:
        configs = make_configs(tmp_path, 1)
        with ExitStack() as stack:
            storages = [stack.enter_context(open_storage(config)) for config in configs]
            nodes = [Node(c, s) for c, s in zip(configs, storages, strict=True)]
            with trio.fail_after(DEADLINE_S):
                async with trio.open_nursery() as nursery:
                    first: PeerAddress | None = None
                    for node in nodes:
                        await nursery.start(node.run)
                        if first is not None:
                            node.network.add(first)
                        else:
                            first = PeerAddress(
                                node.network.id, "127.0.0.1", node.network.listen_port
                            )
                    await until(lambda: same_final(storages, 3))
                    pending = transfer(storages[0].chain, ALICE, BOB.public, 77, 0)
                    await nodes[3].services.submit(pending.transaction.encode())
                    await until(
                        lambda: (
                            None not in {s.chain.blocks.transaction(pending.id) for s in storages}
                        )
                    )
                    nursery.cancel_scope.cancel()
            assert {balance_of(s.chain.state.view(), BOB.public, "REEL") for s in storages} == {77}

    trio.run(main)


def follower_config(folder: Path, genesis: bytes) -> Config:
    """The folder of a node without seats."""
    folder.mkdir()
    made = create_node(folder, [], {"p2p.host": "127.0.0.1", "p2p.port": 0, "api.port": 0})
    made.config.node.genesis.write_bytes(genesis)
    return load_config(made.file, (), {})


def test_after_the_first_start_the_rows_of_genesis_are_not_read_again(tmp_path: Path) -> None:
    seats = make_seats(4)
    genesis = make_genesis_of(seats.values(), [ALICE])
    file = genesis.encode()
    config = follower_config(tmp_path / "node", file)
    damaged = file[:-1] + bytes((file[-1] ^ 1,))
    config.node.genesis.write_bytes(damaged)
    with pytest.raises(Refused), open_storage(config):
        pass
    config.node.genesis.write_bytes(file)
    with open_storage(config) as storage:
        run_slots([storage.chain], seats, [1, 2, 3])
    config.node.genesis.write_bytes(damaged)
    with open_storage(config) as storage:
        assert storage.chain.durable_final.height == 2
        assert storage.chain.genesis == genesis.head
        services = Node(config, storage).services
        assert services.genesis_file() == damaged
        config.node.genesis.write_bytes(make_genesis_of(seats.values(), [BOB]).encode())
        with pytest.raises(NotFound, match="another chain's"):
            services.genesis_file()
        config.node.genesis.unlink()
        with pytest.raises(NotFound, match="cannot be read any more"):
            services.genesis_file()
    config.node.genesis.write_bytes(make_genesis_of(seats.values(), [BOB]).encode())
    with pytest.raises(InvalidGenesis, match="belongs to another chain"), open_storage(config):
        pass


def test_a_node_that_saw_two_final_histories_stays_down_until_a_person_acts(
    tmp_path: Path,
) -> None:
    seats = make_seats(4)
    genesis = make_genesis_of(seats.values(), [ALICE])
    config = follower_config(tmp_path / "node", genesis.encode())
    other = memory_chain(genesis)
    run_slots([other], seats, [11, 12, 13])
    theirs = proof_above(other, 1)
    assert theirs is not None

    with open_storage(config) as storage:
        run_slots([storage.chain], seats, [1, 2, 3])
    with pytest.raises(ExceptionGroup) as caught, open_storage(config) as storage:
        is_ahead(storage.chain, theirs)
    assert caught.group_contains(ConflictingFinality)

    for _ in range(2):
        with pytest.raises(Refused) as refused, open_storage(config):
            pass
        assert refused.value.code == "conflicting-finality"
        assert "move the file away" in refused.value.message
    file = Path(refused.value.field)
    laid_down = Conflict.decode(file.read_bytes())
    file.rename(tmp_path / "kept")
    with open_storage(config) as storage:
        assert laid_down == Conflict(storage.chain.final_proof(), theirs)
        assert storage.chain.durable_final.slot == 2
