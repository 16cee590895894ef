"""The benchmarks of the state, of the p2p layer and of sealing run, and have all their figures."""

import json
import subprocess
import sys
from pathlib import Path

from consensus.unixfs import PROFILES

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
