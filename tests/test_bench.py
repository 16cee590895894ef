"""All benchmarks run, and have all their figures; none of these is bounded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ground import FULL, distinct_transfers, open_chain
from bench.large_chain import Population, write_chain
from bench.others import OTHERS, ratios
from bench.report import Report
from bench.row import Goal, Row, Sample
from bench.rows import ROWS
from bench.table import page
from bench.validation import encoded_block
from consensus.unixfs import PROFILES
from node.candidate import read_block
from storage.database import Database

ROOT = Path(__file__).resolve().parent.parent


def test_the_benchmark_of_the_state_runs() -> None:
    command = [sys.executable, "bench/state.py", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accounts"] == 10_000
    for tree in report["tree"].values():
        for changes in (tree["50_changes"], tree["250_changes"]):
            assert min(changes.values()) > 0
            assert changes["share_of_raw_hashing_speed"] < 1
        assert 200 < tree["proof_bytes"]["mean"] <= tree["proof_bytes"]["most"] < 1_000
        assert tree["proof_bytes_10_rows"]["mean"] < 10 * tree["proof_bytes"]["mean"]
    node = report["node"]
    assert 0 < node["seconds_to_open"] < node["seconds_until_it_listens"]
    assert node["anonymous_mib_at_rest"] > 0
    assert min(report["snapshot"].values()) > 0
    for block in report["block"].values():
        reads = {cache: figures["database_reads"] for cache, figures in block.items()}
        assert reads["warm"] == reads["read_ahead"] == 0 < reads["admitted"] < reads["cold"]


def test_the_benchmark_of_the_p2p_layer_runs() -> None:
    command = [sys.executable, "bench/gossip.py", "--nodes", "6", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    gossip = report["gossip"]
    assert gossip["delivery_percent"] == 100
    assert 0 < gossip["latency_ms_p50"]["median"] <= gossip["latency_ms_p99"]["median"]
    assert gossip["frames_a_delivery"] > 1
    spreads = [each for each in gossip.values() if isinstance(each, dict)]
    for figures in (*spreads, report["connecting_ms"], *report["streams"].values()):
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]


def test_the_benchmark_of_content_runs() -> None:
    command = [sys.executable, "bench/content.py", "--only", "ids", "publish", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    ids, publish = report["ids"], report["publish"]
    assert publish["node_peak_mib"] >= publish["node_peak_mib_before"] > 0
    assert min(publish.values()) > 0
    for profile in PROFILES:
        for figures in ids[profile].values():
            assert 0 < figures["min"] <= figures["median"] <= figures["max"]
    assert min(ids["memory"].values()) > 0


def test_the_benchmark_of_the_gateway_runs() -> None:
    command = [sys.executable, "bench/content.py", "--only", "gateway", "--quick", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    gateway = json.loads(done.stdout)["gateway"]
    for profile in PROFILES:
        for form in ("file", "car"):
            shares = gateway[f"{form}_of_{profile}"]["share_of_hypercorn_from_memory"]
            assert 0 < shares["min"] <= shares["median"] <= shares["max"]


def test_the_benchmark_of_sealing_runs() -> None:
    command = [sys.executable, "bench/sealing.py", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {f"{name}_to_sha256" for name in ("seal", "unseal", "cipher")}
    assert all(figures["median"] > 0 for figures in report.values())


def test_the_benchmark_of_possession_runs() -> None:
    command = [sys.executable, "bench/possession.py", "--mib", "3", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert 0 < report["root_share_of_flat_sha256_speed"] < 1
    assert 0 < report["answer_ms"]["min"] <= report["answer_ms"]["median"]


def test_the_benchmark_of_the_exchange_of_content_runs() -> None:
    command = [sys.executable, "bench/content.py", "--only", "exchange", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    exchange = json.loads(done.stdout)["exchange"]
    assert exchange.pop("file_mib") == 8
    for figures in exchange.values():
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]


def quick_bench(tmp_path: Path, *names: str) -> dict[str, object]:
    """The results of these rows, of which none failed, and the same as were printed."""
    output = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench", "--quick", "--json", "--output", str(output)]
    done = subprocess.run(
        [*command, "--only", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, object] = json.loads(output.read_text())
    assert json.loads(done.stdout) == results
    assert isinstance(results["rows"], dict)
    assert isinstance(results["machine"], dict)
    assert isinstance(results["versions"], dict)
    assert results["machine"].keys() == {"processor", "cores", "memory_gib", "kernel"}
    assert {"python", "pynacl", "plyvel", "reelect", "build"} <= results["versions"].keys()
    table = output.with_suffix(".md").read_text()
    assert all(f"| {name}: " in table for name in results["rows"])
    return results


def check_rows(results: dict[str, object], *names: str) -> None:
    rows = results["rows"]
    assert isinstance(rows, dict)
    assert tuple(rows) == names
    for name, row in rows.items():
        goal, ratio = ROWS[name].goal, row["ratio"]
        assert row["repeats"] >= 2
        for figures in (row["value"], row["limit"], ratio):
            assert 0 < figures["min"] <= figures["median"] <= figures["max"]
        assert row["met"] == goal.is_met(ratio["median"])
        assert goal.to_json().items() <= row.items()


def test_the_bench_measures_validation_and_finalizing(tmp_path: Path) -> None:
    names = ("unseen", "verified", "finalizing")
    check_rows(quick_bench(tmp_path, *names), *names)


def test_a_block_of_a_full_run_has_room_for_all_its_transfers(tmp_path: Path) -> None:
    transfers = FULL.transfers
    population, accounts = Population(transfers), 2 * transfers
    write_chain(tmp_path / "chain", population, accounts, 20)
    with Database.open(tmp_path / "chain") as database:
        chain = open_chain(population, database)
        pending = distinct_transfers(population, chain, accounts, transfers, 0)
        block = read_block(encoded_block(population, chain, pending))
    assert len(block.transactions) == transfers == len({each.data for each in pending})


def test_the_bench_compares_the_builds(tmp_path: Path) -> None:
    names = ("decode", "compiled")
    check_rows(quick_bench(tmp_path, *names), *names)


@pytest.mark.alone
def test_the_bench_measures_a_network(tmp_path: Path) -> None:
    names = ("network", "finality")
    check_rows(quick_bench(tmp_path, *names), *names)


def test_the_bench_measures_scale(tmp_path: Path) -> None:
    scale = quick_bench(tmp_path, "scale")["scale"]
    assert isinstance(scale, dict)
    for by in ("by_accounts", "by_transfers"):
        assert len(scale[by]) == 2
        for cost in scale[by].values():
            assert 0 < cost["min"] <= cost["microseconds_a_transfer"] <= cost["max"]
    votes = {count: cost["votes_a_node_and_slot"] for count, cost in scale["by_producers"].items()}
    assert 2 < votes["4"] < votes["7"] < 14


def test_the_bench_runs_the_other_benches(tmp_path: Path) -> None:
    results = quick_bench(tmp_path, "sealing", "possession", "stall", "join", "catch_up")
    others = results["others"]
    assert isinstance(others, dict)
    assert others["stall"]["bytes_a_block"] > 0
    assert others["join"]["join_share_of_replay"] > 0
    assert others["catch_up"]["all_answer"]["blocks_a_second"] > 0
    found = dict(ratios(others["sealing"])) | dict(ratios(others["possession"]))
    assert found.keys() == {
        "seal_to_sha256",
        "unseal_to_sha256",
        "cipher_to_sha256",
        "root_share_of_flat_sha256_speed",
        "answer_share_of_hashing_anew",
    }


def test_every_bench_that_can_be_run_is_run() -> None:
    """What can be run by itself takes --json."""
    found = {
        file.stem
        for file in (ROOT / "bench").glob("*.py")
        if 'add_argument("--json"' in file.read_text("utf-8") and file.stem != "__main__"
    }
    assert found == OTHERS.keys()


def test_a_failing_row_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import __main__ as bench

    def fail(_: object) -> list[Sample]:
        raise OSError("no disk")

    goal = Goal(2.0)
    rows = {
        "bad": Row("bad", "a", "b", "MB/s", goal, fail),
        "good": Row("good", "a", "b", "MB/s", goal, lambda _: [Sample(3, 2), Sample(9, 2)]),
    }
    output = tmp_path / "out.json"
    monkeypatch.setattr(bench, "ROWS", rows)
    monkeypatch.setattr(bench, "NAMES", tuple(rows))
    monkeypatch.setattr(sys, "argv", ["bench", "--quick", "--output", str(output)])
    assert bench.main() == 1
    results = json.loads(output.read_text())
    assert results["rows"]["bad"] == {"error": "OSError: no disk"}
    assert results["rows"]["good"]["ratio"] == {"median": 3.0, "min": 1.5, "max": 4.5}
    assert results["rows"]["good"]["met"] is True
    printed = capsys.readouterr().out
    assert "| bad | failed: OSError: no disk |" in printed
    assert "| good: a ÷ b | 6 MB/s | 2 MB/s | 3 | 1.5 | 4.5 | ≥ 2.0 |  | yes |" in printed


def test_less_is_better_where_the_goal_is_at_most() -> None:
    goal = Goal(1.6, is_most=True)
    assert goal.is_met(1.6)
    assert not goal.is_met(1.61)
    assert goal.to_json() == {"at_most": 1.6}


def test_a_page_has_the_ratios_of_other_benches() -> None:
    others: Report = {
        "gossip": {"streams": {"link_per_bare_ssl": {"median": 0.5, "min": 0.25, "max": 1}}}
    }
    facts: Report = {"size": "full", "begun": "now", "seconds": 1}
    assert "| gossip: streams.link_per_bare_ssl | 0.5 | 0.25 | 1 |" in page(
        facts | {"others": others}
    )
