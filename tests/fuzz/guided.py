"""One target under atheris, whose coverage chooses the cases: `python -m tests.fuzz` starts it."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["consensus", "vm", "genesis", "storage", "p2p", "node"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run `NAME FOLDER option…`; the options are libFuzzer's."""
    target, folder = TARGETS[sys.argv[1]], Path(sys.argv[2])
    corpus = folder / target.name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        target.run(data)

    options = [f"-max_len={target.max_bytes}", f"-artifact_prefix={corpus}-broken-"]
    atheris.Setup([sys.argv[0], *sys.argv[3:], *options, str(corpus)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
