"""`reelect light`: ask any nodes, believe only what they prove from one trusted block on."""

from pathlib import Path

from cyclopts import App

from consensus.kinds import JsonObject
from consensus.light import LightState, anchor_state
from consensus.light_answer import (
    MAX_PROOF_FILE_BYTES,
    Facts,
    LightProof,
    decode_proof,
    verify_answer,
)
from node.commands.arguments import JsonFlag, argument
from node.commands.light_export import export
from node.commands.light_forms import (
    block_form,
    final_form,
    item_form,
    print_sections,
    row_form,
    row_sections,
)
from node.commands.light_options import (
    NO_OPTIONS,
    LightOptions,
    connected,
    open_session,
    read_genesis,
    refuse_old,
    warn_if_old,
)
from node.commands.light_query import final_of, query
from node.commands.light_watch import watch
from node.failure import ProofFailed, Refused, Usage
from node.files import read_bounded
from node.light.anchors import find_anchor, parse_checkpoint
from node.light.client import LightClient, Proved
from node.light.questions import AskBlock, AskFinal
from node.light.saved import SavedClient, at_genesis, beginning, create
from node.output import print_json, warn

app = App(name="light", help="Ask any nodes and believe only what they prove.")
app.command(query)
app.command(export)
app.command(watch)


@app.command
async def init(
    *,
    checkpoint: str | None = None,
    options: LightOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Save a state to go on from: a genesis file's, or that of a block that someone you trust
    named.

    Parameters
    ----------
    checkpoint
        HEIGHT:ID of a final block; the rest is asked of the nodes and checked against the id. Else
        the genesis file.
    """
    place = options.place
    if checkpoint is None:
        saved = at_genesis(read_genesis(options))
    elif options.genesis is not None:
        raise Usage("either --genesis or --checkpoint", field="--checkpoint")
    else:
        saved = await _from_checkpoint(checkpoint, options)
    refuse_old(saved.state, options)
    create(place, saved)
    state = saved.state
    made: JsonObject = {
        "chain": state.chain.hex(),
        "height": state.final.height,
        "block": str(state.final.id),
        "dynasty": state.dynasty,
        "unbonding_s": state.terms.unbonding_s,
        "state": str(place),
    }
    if json:
        print_json(made)
    else:
        print_sections([made])


async def _from_checkpoint(text: str, options: LightOptions) -> SavedClient:
    height, block_id = argument("--checkpoint", parse_checkpoint, text)
    async with connected(options) as nodes:
        anchor = await find_anchor(
            nodes,
            height,
            block_id,
            timeout_s=options.timeout_s,
            report=warn,
            keep=options.evidence.keep,
        )
    return beginning(anchor)


@app.command
async def sync(*, options: LightOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """Go on to the newest final block and save it.

    Also proved is that the block known before is below it.
    """
    session = open_session(options, must_be_saved=True)
    before = session.saved.state
    async with session.client() as client:
        proved = await _newest(client, before)
    session.keep(proved)
    warn_if_old(proved.state)
    final = final_of(session, proved)
    made: JsonObject = {
        "checkpoint": f"{proved.state.final.height}:{proved.state.final.id}",
        "dynasty": proved.state.dynasty,
        "blocks": proved.state.final.height - before.final.height,
        "set_changes": proved.state.dynasty - before.dynasty,
        "bytes": len(proved.data),
    }
    if json:
        print_json({**made, "final": final})
    else:
        print_sections([made, final])


async def _newest(client: LightClient, known: LightState) -> Proved:
    """The newest final block, with the known one in its history if a node still has that."""
    try:
        return await client.ask(AskBlock(known.final.height, known.final))
    except Refused as refusal:
        if refusal.code != "pruned":
            raise
    return await client.ask(AskFinal())


@app.command
def verify(
    file: Path,
    *,
    genesis: Path | None = None,
    checkpoint: str | None = None,
    trust_old_anchor: bool = False,
    config: Path | None = None,
    json: JsonFlag = False,
) -> None:
    """Check a file that `reelect light export` wrote, without any network, and print its facts.

    Parameters
    ----------
    file
        The file.
    genesis
        The genesis file, all that is trusted; else `client.genesis` of the configuration.
    checkpoint
        HEIGHT:ID of the block that is trusted instead, for a file that begins with that block.
    trust_old_anchor
        Believe it even if the trusted block is older than the chain's unbonding time.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """
    options = LightOptions(genesis=genesis, trust_old_anchor=trust_old_anchor, config=config)
    proof = decode_proof(read_bounded(file, MAX_PROOF_FILE_BYTES))
    state = _trusted(proof, checkpoint, options)
    refuse_old(state, options)
    state, facts = verify_answer(state, proof.answer)
    _print_facts(proof, state, facts, as_json=json)


def _trusted(proof: LightProof, checkpoint: str | None, options: LightOptions) -> LightState:
    """The state that a file is checked from."""
    anchor = proof.anchor
    if checkpoint is None:
        if anchor is not None:
            place = f"{anchor.header.height}:{anchor.header.id()}"
            raise ProofFailed(
                f"the file begins at a checkpoint: if you trust it, say --checkpoint {place}",
                field="anchor",
            )
        return at_genesis(read_genesis(options)).state
    if options.genesis is not None:
        raise Usage("either --genesis or --checkpoint", field="--checkpoint")
    height, block_id = argument("--checkpoint", parse_checkpoint, checkpoint)
    if anchor is None:
        raise ProofFailed("the file begins at genesis: say --genesis FILE", field="anchor")
    return anchor_state(anchor, height, block_id)


def _print_facts(proof: LightProof, state: LightState, facts: Facts, *, as_json: bool) -> None:
    rows = [row_form(key, value) for key, value in facts.rows.items()]
    block = None if facts.block is None else block_form(facts.block, state.terms)
    items = [item_form(item) for item in facts.items]
    final = final_form(facts, proof.answer, state.terms)
    head: JsonObject = {
        "chain": state.chain.hex(),
        "trusted": f"{state.anchor.height}:{state.anchor.id}",
        "set_changes": len(proof.answer.steps),
        "dynasty": state.dynasty,
    }
    if as_json:
        members = [member.to_json() for member in facts.producers.members]
        facts_form = {"final": final, "rows": rows, "block": block, "items": items}
        print_json({**head, **facts_form, "members": members})
        return
    sections = [section for row in rows for section in row_sections(row)]
    if block is not None:
        sections.append({"in block": block["height"], "id": block["block"], "time": block["time"]})
    for item in items:
        found = item["item"]
        sections.append({"in list": item["list"], **(found if isinstance(found, dict) else item)})
    print_sections([*sections, final, head])
