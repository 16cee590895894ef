"""Pledges, draws, answers right, wrong, late and copied, misses, stalls and withdrawals in any
order, against a naive model."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.hashing import sha256
from consensus.record import replace
from tests.vectors.generate_segments import content
from tests.vm.naive_possession import Key, NaivePledge, NaivePossession, Rules
from tests.vm.providers import File, Providers
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.modules.possession import (
    OWED_POT,
    PLEDGED_POT,
    PLEDGES,
    STORAGE_POT,
    Correct,
    Fund,
    Withdraw,
    begun_mib,
    provider_of,
    tables,
)

PEOPLE = [BEN.public, CLEO.public, key("dora").public]
FILES = [File(content(70 * 1024 + 1)), File(content(2_300_000)), File(content(5_000))]
FALSE = FILES[2]  # whose root is false until it is corrected
WHO, FILE = st.sampled_from(PEOPLE), st.sampled_from(FILES)
DAY_BLOCKS = 60  # of devnet
PARAMETERS = {
    "mib_units": tables.PLEDGE_MIB_UNITS,
    "period": tables.PERIOD_BLOCKS,
    "window": tables.WINDOW_BLOCKS,
    "segments": tables.SEGMENTS,
    "least": tables.LEAST_PERIODS,
    "providers": tables.MAX_PROVIDERS,
    "misses": tables.MAX_MISSES,
    "miss_ppm": tables.MISS_PPM,
    "burn_ppm": tables.BURN_PPM,
    "mib_day": tables.MIB_DAY_UNITS,
    "day": tables.DAY_UNITS,
}
RULES = st.builds(
    Rules,
    mib_units=st.integers(1, 3_000),
    period=st.integers(13, 30),
    window=st.integers(5, 40),
    segments=st.integers(1, 5),
    least=st.integers(1, 3),
    providers=st.integers(1, 3),
    misses=st.integers(1, 4),
    miss_ppm=st.sampled_from([0, 1, 150_000, 333_333, 10**6]),
    burn_ppm=st.sampled_from([0, 400_000, 10**6]),
    mib_day=st.integers(0, 400),
    day=st.integers(0, 2_000),
)


class PossessionMachine(RuleBasedStateMachine):
    """The chain and the model agree to the unit after each block."""

    @initialize(rules=RULES)
    def begin(self, rules: Rules) -> None:
        """Videos, of which one has a false root, and people with some units."""
        self.stage, self.model = Providers(), NaivePossession()
        self.corrected = False
        for file in FILES:
            self.stage.publish(file, root=sha256(b"a lie") if file is FALSE else None)
        self.stage.give(PEOPLE[1], FUNDS)
        self.stage.give(PEOPLE[2], 2_000)
        self.model.balances.update({person: self.stage.held(person) for person in PEOPLE})
        self.govern(rules)

    @rule(rules=RULES)
    def govern(self, rules: Rules) -> None:
        """The parameters are others."""
        self.model.rules = rules
        self.stage.set({PARAMETERS[name]: getattr(rules, name) for name in PARAMETERS})

    @rule(units=st.integers(1, 3_000))
    def fund(self, units: int) -> None:
        """Something comes to the storage pot."""
        assert self.stage.act(ANNA.public, Fund(units)) == "ok"
        self.model.storage += units

    @rule(who=WHO, file=FILE, periods=st.integers(1, 4))
    def pledge(self, who: bytes, file: File, periods: int) -> None:
        """Pledge, if one may."""
        model, rules, place = self.model, self.model.rules, (file.cid.binary, who)
        mib = begun_mib(len(file.data))
        others = sum(cid == file.cid.binary for cid, _ in model.pledges)
        good = place not in model.pledges and periods >= rules.least
        good = good and others < rules.providers and model.balances[who] >= mib * rules.mib_units
        assert (self.stage.pledge_for(who, file, periods) == "ok") is good
        if good:
            units, due = mib * rules.mib_units, self.stage.height + rules.period
            model.balances[who] -= units
            model.pledges[place] = NaivePledge(units, units, mib, periods, due)

    @rule(who=WHO, file=FILE)
    def withdraw(self, who: bytes, file: File) -> None:
        """Take a pledge back, if it is time."""
        pledge = self.model.pledges.get((file.cid.binary, who))
        good = pledge is not None and pledge.open_since is None and pledge.period >= pledge.term
        assert (self.stage.act(who, Withdraw(file.cid)) == "ok") is good
        if good:
            self.model.withdraw((file.cid.binary, who))

    def open_pledge(self, who: bytes, file: File) -> tuple[Key, NaivePledge] | None:
        """A pledge with a challenge that can be answered."""
        place = (file.cid.binary, who)
        pledge = self.model.pledges.get(place)
        if pledge is None or pledge.open_since is None:
            return None
        return place, pledge

    @rule(who=WHO, file=FILE)
    def prove(self, who: bytes, file: File) -> None:
        """Answer rightly, if there is something to answer; twice."""
        found = self.open_pledge(who, file)
        if found is None:
            return
        answer = self.stage.answer(who, file)
        assert len(answer.proofs) == found[1].drawn
        good = file is not FALSE or self.corrected
        assert (self.stage.act(who, answer) == "ok") is good
        if good:
            self.model.keep(found[0])
            assert self.stage.act(who, answer) == "possession.not-open"

    @rule(who=WHO, thief=WHO, file=FILE, how=st.integers(0, 4))
    def prove_wrongly(self, who: bytes, thief: bytes, file: File, how: int) -> None:
        """Answer with other bytes, another number, too little, or another's answer."""
        if self.open_pledge(who, file) is None:
            return
        answer = self.stage.answer(who, file)
        first = answer.proofs[0]
        turned = replace(first, segment=first.segment[::-1])
        bad = [
            replace(answer, proofs=(turned, *answer.proofs[1:])),
            replace(answer, period=answer.period - 1),
            replace(answer, period=answer.period + 1),
            replace(answer, proofs=(*answer.proofs, first)),
            replace(answer, cid=FILES[FILES.index(file) - 1].cid),
        ][how]
        assert self.stage.act(who, bad) != "ok"
        if thief != who and self.stage.act(thief, answer) == "ok":
            # Only if its own challenge of the same number has drawn the very same segments.
            assert self.stage.answer(who, file).proofs == answer.proofs
            self.model.keep((file.cid.binary, thief))

    @rule()
    def correct(self) -> None:
        """The right root takes the place of the false one."""
        action = Correct(FALSE.cid, FALSE.root, len(FALSE.data))
        assert self.stage.act(b"p" * 32, action) == "ok"
        self.corrected = True

    @rule(blocks=st.sampled_from([1, 1, 3, 12, 25, 70]), stalled=st.sampled_from([0, 0, 0, 1]))
    def go(self, blocks: int, stalled: int) -> None:
        """Blocks, all of which may have to stay empty: what people do next is in another one."""
        for is_stalled in [bool(stalled)] * blocks + [False] * stalled:
            self.stage.stalled = is_stalled
            self.stage.go()
            height = self.stage.height
            self.model.block(height, height // DAY_BLOCKS, stalled=is_stalled)

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it, and the modules find nothing wrong."""
        stage, model = self.stage, self.model
        for person in PEOPLE:
            assert stage.held(person) == model.balances[person]
            done, record = provider_of(stage.world.state, person), model.record(person)
            counts = (done.kept, done.missed, done.ended)
            assert counts == (record.kept, record.missed, record.ended)
            assert done.earned == record.earned
            assert done.lost == record.lost
        assert stage.pot(STORAGE_POT) == model.storage >= 0
        assert stage.pot(PLEDGED_POT) == sum(item.units for item in model.pledges.values())
        assert stage.pot(OWED_POT) == sum(item.earned for item in model.pledges.values())
        assert stage.burned == model.burned
        rows = {(cid.binary, who): row for (cid, who), row in PLEDGES.every(stage.world.state)}
        assert rows.keys() == model.pledges.keys()
        for place, row in rows.items():
            item = model.pledges[place]
            assert (row.due_height, row.period, row.missed) == (item.due, item.period, item.missed)
        assert stage.sound()


TestPossessionMachine = PossessionMachine.TestCase
TestPossessionMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
