"""The benchmark of the state runs, and has all its figures."""

import json
import subprocess
import sys
from pathlib import Path

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
