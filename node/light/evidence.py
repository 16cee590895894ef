"""What a light client keeps of answers that do not prove what they claim."""

from pathlib import Path
from typing import Annotated

from consensus.finality_proof import FinalityProof
from consensus.hashing import sha256
from consensus.kinds import Bytes, Text
from consensus.light import LightState
from consensus.light_answer import MAX_ANSWER_BYTES
from consensus.record import Record, record
from node.failure import Refused
from node.files import write_new
from node.output import printable

MAX_FILES = 32
MAX_TEXT_BYTES = 4096
LIE, CONFLICT, ANCHOR = "lie", "conflict", "anchor"


@record("light-evidence")
class LightEvidence(Record):
    """An answer that failed a check: whose, to what, and why.

    `state` is what the client knew (null: no more than the id of its anchor), `newest` what had
    proved the final block in it (null: it was the anchor): with `answer` that shows the failure
    again to anybody.
    """

    node: Annotated[str, Text(MAX_TEXT_BYTES)]
    asked: Annotated[str, Text(MAX_TEXT_BYTES)]
    failed: Annotated[str, Text(MAX_TEXT_BYTES)]
    state: LightState | None
    newest: FinalityProof | None
    answer: Annotated[bytes, Bytes(MAX_ANSWER_BYTES)]


class EvidenceFolder:
    """Evidence in files, at most MAX_FILES of lies; those of two final histories stay always."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, kind: str, evidence: LightEvidence) -> Path | None:
        """The file that holds it from now on; None if there are too many already."""
        data = evidence.encode()
        chain = ANCHOR if evidence.state is None else _short(evidence.state.chain)
        path = self._folder / f"{kind}-{chain}-{sha256(data).hex()[:16]}.cbor"
        if path.exists():
            return path
        if kind == LIE and len(list(self._folder.glob(f"{LIE}-*.cbor"))) >= MAX_FILES:
            return None
        write_new(path, data)
        return path

    def check(self, chain: bytes) -> None:
        """Raise Refused if two final histories of the chain were seen."""
        for path in sorted(self._folder.glob(f"{CONFLICT}-{_short(chain)}-*.cbor")):
            raise Refused(
                "two final histories of this chain were seen, both are kept here: find out which "
                "one people follow, then move this file away",
                field=str(path),
                code="conflicting-final",
            )


def _short(chain: bytes) -> str:
    return chain.hex()[:16]


def shortened(text: str) -> str:
    """Text from anywhere as evidence can hold it."""
    return printable(text).encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
