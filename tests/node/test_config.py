"""Settings: which source wins, what is refused and how, and the files that init writes."""

import tomllib
from pathlib import Path

import pytest

from consensus.address import format_address
from node.config.file import config_toml
from node.config.sections import SETTINGS, Seat
from node.config.sources import Choices, gather, load_config, variable_of
from node.failure import Usage
from node.node import network_config
from p2p.links import NO_FAULTS, LinkFaults
from p2p.peeraddress import PeerAddress

PEER = "ab" * 32 + "@example.org:7400"
ADDRESS = format_address(bytes(32))
SEAT = f'[[seats]]\naccount = "{ADDRESS}"\nconsensus_key_file = "c"\nbeacon_seed_file = "b"\n'


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc" / "config.toml"


def source_of(choices: Choices, key: str) -> tuple[object, str]:
    return choices.settings[key].value, choices.settings[key].source


def test_defaults_are_valid_and_private(tmp_path: Path) -> None:
    config = load_config(None, (), {})
    assert config.node.data_dir == tmp_path / "home" / ".reelect" / "node" / "data"
    assert (config.api.host, config.api.admin_token_file) == ("127.0.0.1", None)
    assert (config.p2p.advertise_port, config.p2p.peers, config.seats) == (0, (), ())


def test_flag_beats_environment_beats_file_beats_default(file: Path) -> None:
    assert source_of(gather(None, (), {}), "p2p.port") == (7400, "default")
    file.write_text("[p2p]\nport = 1")
    assert source_of(gather(file, (), {}), "p2p.port") == (1, str(file))
    environment = {"REELECT_P2P_PORT": "2"}
    assert source_of(gather(file, (), environment), "p2p.port") == (2, "REELECT_P2P_PORT")
    choices = gather(file, ("p2p.port=3",), environment)
    assert source_of(choices, "p2p.port") == (3, "--set")
    assert choices.config().p2p.port == 3


@pytest.mark.parametrize(
    ("keep", "snapshot", "fault"),
    [
        (0, 1000, None),
        (2000, 1000, None),
        (1024, 0, None),
        (1, 0, "1 is too few: at least 1024, or 0"),
        (1023, 0, "1023 is too few: at least 1024, or 0"),
        (1999, 1000, "(storage.snapshot_blocks), needs the blocks above it: at least 2000"),
    ],
)
def test_what_is_kept_is_all_or_enough(keep: int, snapshot: int, fault: str | None) -> None:
    flags = (f"storage.keep_blocks={keep}", f"storage.snapshot_blocks={snapshot}")
    if fault is None:
        assert load_config(None, flags, {}).storage.keep_blocks == keep
        return
    with pytest.raises(Usage) as caught:
        load_config(None, flags, {})
    assert caught.value.field == "--set: storage.keep_blocks"
    assert fault in caught.value.message


def test_the_file_is_named_or_found(file: Path, tmp_path: Path) -> None:
    file.write_text("[p2p]\nport = 1")
    assert load_config(None, (), {"REELECT_CONFIG": str(file)}).p2p.port == 1
    default = tmp_path / "home" / ".reelect" / "node" / "config.toml"
    default.parent.mkdir(parents=True)
    default.write_text("[p2p]\nport = 2")
    assert load_config(None, (), {}).p2p.port == 2
    assert load_config(file, (), {}).p2p.port == 1


def test_paths_start_from_where_they_are_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file.write_text('[node]\ndata_dir = "d"\n[log]\nfile = "/var/log/r"\n' + SEAT)
    config = load_config(file, ("node.key_file=k",), {"REELECT_NODE_GENESIS": "~/g"})
    assert config.node.data_dir == file.parent / "d"
    assert config.node.key_file == tmp_path / "k"
    assert config.node.genesis == tmp_path / "home" / "g"
    assert config.log.file == Path("/var/log/r")
    assert config.seats == (Seat(bytes(32), file.parent / "c", file.parent / "b"),)


def test_an_account_has_two_seats_while_its_consensus_key_is_rotated(file: Path) -> None:
    file.write_text(SEAT + SEAT.replace('"c"', '"next"'))
    seats = load_config(file, (), {}).seats
    assert [seat.consensus_key_file.name for seat in seats] == ["c", "next"]
    assert len({seat.account for seat in seats}) == 1


def test_values_are_typed() -> None:
    environment = {
        "REELECT_P2P_PEERS": f"{PEER}, {PEER}",
        "REELECT_P2P_ADVERTISE_PORT": "80",
        "REELECT_P2P_MEMBERS": "cd" * 32,
        "REELECT_P2P_MEMBERSHIP": "members",
        "REELECT_CLIENT_NODE": "http://localhost:1/",
    }
    config = load_config(None, (), environment)
    assert config.p2p.peers == (PeerAddress(bytes([0xAB] * 32), "example.org", 7400),) * 2
    assert config.p2p.advertise_port == 80
    assert config.p2p.members == (bytes([0xCD] * 32),)
    assert config.client.node == "http://localhost:1"


@pytest.mark.parametrize(
    ("text", "field", "sentence"),
    [
        ("[p2p]\nport = 65536", "p2p.port", "65536 is not within 0 to 65535"),
        ("[p2p]\nport = true", "p2p.port", "a whole number is expected, got True"),
        ('[p2p]\nport = "80"', "p2p.port", "a whole number"),
        ("[p2p]\nport = 8.0", "p2p.port", "a whole number"),
        ('[p2p]\npeers = "x"', "p2p.peers", "a list is expected"),
        (f'[p2p]\npeers = ["{PEER}", "x"]', "p2p.peers[1]", "not a peer's address"),
        ("[p2p]\nadvertise_port = 65536", "p2p.advertise_port", "65536 is not within 0 to 65535"),
        ('[p2p]\ndiscover = "no"', "p2p.discover", "true or false is expected"),
        ("[p2p]\ndiscover = 0", "p2p.discover", "true or false is expected"),
        ('[p2p]\nmembership = "closed"', "p2p.membership", "one of open, members"),
        ('[p2p]\nmembership = "members"', "p2p.members", "membership"),
        (f'[p2p]\nmembers = ["{"00" * 32}"]', "p2p.members", "membership"),
        ('[p2p]\nmembers = ["00"]', "p2p.members[0]", "64 hex digits"),
        ('[api]\nhost = "a b"', "api.host", "a host name or address"),
        ('[node]\ndata_dir = ""', "node.data_dir", "a path is expected"),
        ('[client]\nnode = "localhost:80"', "client.node", "http://host:port"),
        ("[p2p]\nprot = 1", "p2p.prot", "did you mean p2p.port?"),
        ("[ppp]\nport = 1", "ppp", "did you mean p2p?"),
        ("[nonsense]", "nonsense", "no such setting; there are node, p2p"),
        ("p2p = 1", "p2p", r"a section \[p2p\] is expected"),
        ("seats = 1", "seats", r"tables \[\[seats\]\] are expected"),
        (SEAT + SEAT, "seats", "the same account with the same consensus key twice"),
        (SEAT * 22, "seats", "22 seats; there are at most 21"),
        ('[[seats]]\naccount = "x"', "seats[0].account", "not an address"),
        (f'[[seats]]\naccount = "{ADDRESS}"', "seats[0].consensus_key_file", "missing"),
        (SEAT + "acount = 1", "seats[0].acount", "did you mean account?"),
        ("[p2p", "", "not TOML"),
        ("\n" * 300_000, "", "longer than"),
    ],
)
def test_a_wrong_file_is_explained(file: Path, text: str, field: str, sentence: str) -> None:
    file.write_text(text)
    with pytest.raises(Exception, match=sentence) as caught:
        load_config(file, (), {})
    assert str(caught.value).startswith(f"{file}: {field}")


def test_a_wrong_variable_or_flag_is_explained() -> None:
    with pytest.raises(Usage, match=r"REELECT_P2P_PORT: p2p\.port: a whole number"):
        load_config(None, (), {"REELECT_P2P_PORT": "x"})
    with pytest.raises(Usage, match=r"REELECT_P2P_PORT: p2p\.port: 70000 is not within"):
        load_config(None, (), {"REELECT_P2P_PORT": "70000"})
    with pytest.raises(Usage, match=r"--set: p2p\.prot: .*did you mean p2p\.port"):
        load_config(None, ("p2p.prot=1",), {})
    with pytest.raises(Usage, match="KEY=VALUE"):
        load_config(None, ("p2p.port",), {})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("latency_ms", "80"), ("jitter_ms", "1"), ("loss_ppm", "1"), ("blocked", "ab" * 32)],
)
def test_faults_of_links_are_for_loopback_only(setting: str, value: str) -> None:
    chosen = f"links.{setting}={value}"
    faults = load_config(None, (chosen, "p2p.host=127.0.0.1"), {}).links.faults
    assert faults != load_config(None, (), {}).links.faults == NO_FAULTS
    for host in ("0.0.0.0", "10.0.0.1", "::", "localhost", "example.org"):
        with pytest.raises(Usage, match=rf"--set: links\.{setting}: .* p2p.host on loopback"):
            load_config(None, (chosen, f"p2p.host={host}"), {})
    with pytest.raises(Usage, match=rf"links\.{setting}"):  # as the default host is not either
        load_config(None, (chosen,), {})


def test_only_nodes_on_loopback_can_have_faults() -> None:
    assert network_config(load_config(None, (), {})).links is None
    local = load_config(None, ("p2p.host=127.0.0.1", "links.latency_ms=80"), {})
    assert network_config(local).links == LinkFaults(latency_ms=80)


def test_who_does_not_discover_has_no_address_book() -> None:
    found = network_config(load_config(None, ("p2p.discover=false",), {}))
    assert (found.discover, found.address_book) == (False, None)
    found = network_config(load_config(None, (), {"REELECT_P2P_DISCOVER": "true"}))
    assert found.discover
    assert found.address_book is not None
    with pytest.raises(Usage, match="true or false is expected, got 'no'"):
        load_config(None, ("p2p.discover=no",), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "none.toml", (), {})


def test_every_variable_is_its_own() -> None:
    assert len({variable_of(key) for key in SETTINGS}) == len(SETTINGS)


def test_a_written_file_says_what_was_asked(file: Path) -> None:
    seat = {"account": ADDRESS, "consensus_key_file": "c", "beacon_seed_file": "b"}
    file.write_text(config_toml({"p2p.port": 0, "p2p.peers": [PEER], "log.file": "ö\\"}, [seat]))
    config = load_config(file, (), {})
    assert (config.p2p.port, str(config.p2p.peers[0])) == (0, PEER)
    assert config.log.file == file.parent / "ö\\"
    assert [item.account for item in config.seats] == [bytes(32)]


def test_a_written_file_explains_every_setting_and_shows_defaults(file: Path) -> None:
    text = config_toml({}, [])
    assert all(item.meaning in text and variable_of(key) in text for key, item in SETTINGS.items())
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    shown = tomllib.loads("\n".join(lines))
    assert {f"{s}.{k}": v for s, keys in shown.items() for k, v in keys.items()} == {
        key: item.default for key, item in SETTINGS.items()
    }
    file.write_text(text)
    assert load_config(file, (), {}) == load_config(None, (), {})
