"""What a node answers to light clients: rows of its newest final state with their proof."""

from consensus.errors import InvalidEncoding
from consensus.light import MAX_DYNASTY_STEPS, MAX_KEY_BYTES, DynastyStep, LightAnswer
from consensus.tree import key_path, root
from consensus.tree_proof import prove
from node.chain import Chain

NOT_YET_FINAL = "not-yet-final"
NO_DYNASTY_PROOF = "no-dynasty-proof"


class Unprovable(Exception):
    """This node cannot prove its final state now; the stable `code` says why.

    NOT_YET_FINAL passes by itself: only genesis is final, or a block is becoming final at this
    moment. NO_DYNASTY_PROOF does not.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def light_answer(chain: Chain, key: bytes) -> LightAnswer:
    """The row under a state key, or its absence, proved from genesis on in the final state.

    May run in a thread while blocks become final: certificate, header, row and proof are of
    one block, or Unprovable is raised. Raises InvalidEncoding for a key that no row can have.
    """
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise InvalidEncoding(f"a state key has 1 to {MAX_KEY_BYTES} bytes", field="key")
    proved = chain.final_proof()
    if proved is None:
        raise Unprovable("no block above genesis is final yet", code=NOT_YET_FINAL)
    steps = _steps_to(chain, proved.target.dynasty)
    state = chain.state.view()
    if root(state.page) != proved.final.state_root:
        raise Unprovable("a block is becoming final at this moment", code=NOT_YET_FINAL)
    return LightAnswer(
        steps=steps,
        target=proved.target,
        certificate=proved.certificate,
        final=proved.final,
        key=key,
        value=state.get(key),
        proof=prove(state.page, [key_path(key)]),
    )


def _steps_to(chain: Chain, dynasty: int) -> tuple[DynastyStep, ...]:
    """The proofs of all changes of the producer set from genesis on."""
    if dynasty > MAX_DYNASTY_STEPS:
        raise Unprovable(
            f"the chain is in dynasty {dynasty}; an answer has room for the proofs of "
            f"{MAX_DYNASTY_STEPS} changes of the producer set",
            code=NO_DYNASTY_PROOF,
        )
    steps: list[DynastyStep] = []
    for number in range(dynasty):
        data = chain.blocks.handover(number)
        if data is None:
            raise Unprovable(
                f"this node has no proof that the set of dynasty {number} handed over",
                code=NO_DYNASTY_PROOF,
            )
        steps.append(DynastyStep.decode(data))
    return tuple(steps)
