"""What the commands of `reelect light` share: whom to ask, what to trust, and the saved state."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from consensus.light import LightState, conflict
from genesis.file import MAX_GENESIS_BYTES, Genesis, parse_genesis, parse_head
from node.client import Client
from node.commands.arguments import client_section, naming
from node.config.sections import ClientSection
from node.failure import ProofFailed, Refused, Usage
from node.files import read_bounded
from node.light.client import LightClient, LightNode, Proved
from node.light.evidence import CONFLICT, EvidenceFolder, LightEvidence, shortened
from node.light.saved import SavedClient, at_genesis, load, save
from node.output import progress, warn
from vm.modules.chain import ChainConstants

DEFAULT_STATE = "~/.reelect/light/state.cbor"
EVIDENCE_FOLDER = "evidence"
MAX_AGE_S = 120


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LightOptions:
    """Whom to ask, and what to believe without being told.

    Parameters
    ----------
    node
        API of a node to ask; repeat it to ask several, so that one that lies or hides new blocks
        is found out. Else `client.node` of the configuration.
    genesis
        The genesis file, all that is trusted; else `client.genesis` of the configuration. Not
        needed once `reelect light init` has saved a state.
    state
        File of the saved state; else ~/.reelect/light/state.cbor, if it is there.
    trust_old_anchor
        Begin even with a block that is older than the chain's unbonding time: who signed then may
        have nothing to lose any more by signing a false chain.
    timeout_s
        Seconds to wait for a node's answer, or until a block is final.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """

    node: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    genesis: Path | None = None
    state: Path | None = None
    trust_old_anchor: bool = False
    timeout_s: float = 30.0
    config: Path | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands."""
        return client_section(self.config, genesis=self.genesis)

    @property
    def nodes(self) -> list[str]:
        """The nodes to ask; raises Usage for a wrong address."""
        given = [client_section(self.config, node=node).node for node in self.node]
        return list(dict.fromkeys(given or [self.section.node]))

    @property
    def place(self) -> Path:
        """Where the state is kept, if it is."""
        return self.state or Path(DEFAULT_STATE).expanduser()

    @property
    def evidence(self) -> EvidenceFolder:
        """Where evidence of lies goes."""
        return EvidenceFolder(self.place.parent / EVIDENCE_FOLDER)

    def check(self) -> None:
        """Raise Usage for numbers that mean nothing."""
        if not 0 < self.timeout_s < 1e6:
            raise Usage("more than 0 seconds are expected", field="--timeout-s")


NO_OPTIONS = LightOptions()


@dataclass(slots=True)
class Session:
    """A client as a command finds it; `place` is where it is kept, None if it is not."""

    options: LightOptions
    saved: SavedClient
    place: Path | None

    @property
    def constants(self) -> ChainConstants:
        """What genesis fixed."""
        return ChainConstants.decode(self.saved.anchor.constants)

    @asynccontextmanager
    async def client(self, *, from_anchor: bool = False) -> AsyncIterator[LightClient]:
        """The client with its nodes; `from_anchor`: its answers must prove themselves from there.

        Raises Refused if what it knows is too old, or two final histories were seen.
        """
        saved, evidence = self.saved, self.options.evidence
        refuse_old(saved.state, self.options)
        evidence.check(saved.state.chain)
        async with connected(self.options) as nodes:
            yield LightClient(
                nodes,
                saved.state,
                newest=saved.newest,
                begin=saved.begins if from_anchor else None,
                timeout_s=self.options.timeout_s,
                report=warn,
                keep=evidence.keep,
                progress=progress,
            )

    def keep(self, proved: Proved) -> None:
        """Save what the client knows now, if it is one whose state is kept.

        Raises ProofFailed if another command has meanwhile kept another final history.
        """
        if self.place is None or proved.state == self.saved.state:
            return
        self.saved = self.saved.at(proved.state, proved.newest)
        kept, final = save(self.place, self.saved), proved.state.final
        known = kept.state.final
        if known.height == final.height and known.id != final.id:
            raise self._conflict(proved, kept)

    def _conflict(self, proved: Proved, kept: SavedClient) -> ProofFailed:
        error = conflict(proved.state.final.id, kept.state.final)
        evidence = LightEvidence(
            node=shortened(proved.node),
            asked="",
            failed=shortened(str(error)),
            state=kept.state,
            newest=kept.newest,
            answer=proved.data,
        )
        path = self.options.evidence.keep(CONFLICT, evidence)
        return ProofFailed(
            f"{error.message}; the answer of {proved.node} is in {path}", code=error.code
        )


@asynccontextmanager
async def connected(options: LightOptions) -> AsyncIterator[list[LightNode]]:
    """The nodes to ask."""
    options.check()
    async with AsyncExitStack() as stack:
        nodes: list[LightNode] = []
        for url in options.nodes:
            client = Client(url, timeout_s=options.timeout_s)
            nodes.append(await stack.enter_async_context(client))
        yield nodes


def open_session(options: LightOptions, *, must_be_saved: bool = False) -> Session:
    """The saved client if there is one of this chain, else one that begins at the genesis file.

    Raises Refused if there is neither, or --state and --genesis are of different chains.
    """
    place = options.place
    must_be_saved = must_be_saved or options.state is not None
    saved = load(place) if place.exists() else None
    if saved is not None and must_be_saved:
        _check_chain(saved, place, options)
        return Session(options, saved, place)
    if must_be_saved:
        raise Refused("no saved state: make one with `reelect light init`", field=str(place))
    chain = _chain_beside(options)
    if saved is not None and chain in (None, saved.state.chain):
        return Session(options, saved, place)
    if chain is None:
        raise Refused(
            "neither this genesis file nor a saved state is there: name the file with --genesis, "
            "or begin with `reelect light init --checkpoint HEIGHT:ID`",
            field=str(options.section.genesis),
        )
    if saved is not None:
        warn(
            f"{place} is of another chain than the genesis file and is not used; name it with "
            "--state to use it"
        )
    return Session(options, at_genesis(read_genesis(options)), None)


def _check_chain(saved: SavedClient, place: Path, options: LightOptions) -> None:
    if options.genesis is not None and _chain_beside(options) != saved.state.chain:
        raise Refused("of another chain than the genesis file", field=str(place))


def _chain_beside(options: LightOptions) -> bytes | None:
    """The chain of the genesis file, of which only the beginning is read; None if no file is
    named, and none is where the configuration says."""
    place = options.section.genesis
    if options.genesis is None and not place.exists():
        return None
    with naming(place):
        return parse_head(read_bounded(place, MAX_GENESIS_BYTES)).chain


def read_genesis(options: LightOptions) -> Genesis:
    """The genesis file that is named or configured; raises Refused naming it."""
    place = options.section.genesis
    if not place.exists():
        raise Refused("no genesis file is here: name it with --genesis", field=str(place))
    with naming(place):
        return parse_genesis(read_bounded(place, MAX_GENESIS_BYTES))


def now_ms() -> int:
    """This machine's clock: ms from the Unix epoch."""
    return int(time.time() * 1000)


def refuse_old(state: LightState, options: LightOptions) -> None:
    """Raise Refused if what is trusted is older than the unbonding time, unless that is wished."""
    if options.trust_old_anchor or not state.is_too_old(now_ms()):
        return
    days = state.age_s(now_ms()) / 86_400
    known = f"the newest final block known here, height {state.final.height},"
    if state.final.height == 0:
        known = "the genesis block"
    raise Refused(
        f"{known} is {days:.1f} days old, and after {state.terms.unbonding_s / 86_400:.1f} days "
        "producers have nothing to lose any more by signing a false chain: begin with a newer "
        "block from someone you trust (`reelect block show final` names one), with --checkpoint "
        "HEIGHT:ID (`reelect light init --checkpoint …`), or say --trust-old-anchor",
        code="old-anchor",
    )


def warn_if_old(state: LightState) -> None:
    """Say so if the newest final block is not new."""
    age_s = state.age_s(now_ms())
    if age_s > MAX_AGE_S:
        warn(
            f"this was so {age_s:.0f} s ago; since then the network has made no block final, or "
            "the nodes asked do not show it: ask others to be sure"
        )
