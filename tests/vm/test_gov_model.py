"""Governance against a naive model: lists, fractions, and every future tried."""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.assembly import ASSET, HOLDERS, Assembly, members, person, stage
from vm.declare import Action
from vm.modules.gov import (
    DEPOSITS_POT,
    Admit,
    Dismiss,
    NameAlternates,
    Propose,
    Replace,
    Resolve,
    Stage,
    Vote,
    Withdraw,
)
from vm.modules.gov.closing import CLOSINGS_A_BLOCK
from vm.modules.stake import Bond, Unbond, bonded_by
from vm.modules.tokens import balance_of, mint, pot_of

PEOPLE = [person(i) for i in range(7)]
FIRST = PEOPLE[:4]
CAP, LEAST, MISSES, WINDOW_S, BARRED_S, DEPOSIT = 5, 2, 2, 40, 100, 7
POLICIES: dict[str, tuple[Stage, ...]] = {
    "motion": (stage("council", 51, veto=50, open_s=60),),
    "law": (
        stage("council", 34, open_s=60),
        stage("holders", 50, of_votes=True, quorum=20, veto=40, open_s=90),
    ),
    "roll": (stage("council", 26, open_s=30),),
}
SCOPES = {"motion": ["gov.resolve"], "law": ["gov.resolve"]}
ROLL_SCOPES = ["gov.admit", "gov.dismiss", "gov.replace", "gov.name_alternates"]
CHOICES = ("yes", "no", "abstain")


@dataclass
class Cast:
    """A ballot of the model."""

    account: bytes
    choice: str
    weight: int


@dataclass
class Case:
    """A proposal of the model."""

    policy: str
    proposer: bytes
    action: object
    place: int = 0
    status: str = "open"
    opened_ms: int = 0
    electors: tuple[bytes, ...] = ()
    size: int = 0
    votes: list[Cast] = field(default_factory=list)

    @property
    def stage(self) -> Stage:
        return POLICIES[self.policy][self.place]

    @property
    def closes_ms(self) -> int:
        return self.opened_ms + 1000 * self.stage.open_s


def outcome(of: Stage, size: int, yes: int, no: int, abstain: int) -> str:
    """What votes come to, by fractions."""

    def share(part: int, whole: int) -> Fraction:
        return Fraction(100 * part, whole) if whole else Fraction(0)

    if of.veto and no and share(no, size) >= of.veto:
        return "vetoed"
    if of.quorum and (yes + no + abstain == 0 or share(yes + no + abstain, size) < of.quorum):
        return "rejected"
    whole = yes + no if of.of_votes else size
    return "passed" if yes and share(yes, whole) >= of.percent else "rejected"


class Government(RuleBasedStateMachine):
    """The chain and the model side by side."""

    @initialize()
    def begin(self) -> None:
        self.hall = Assembly()
        rules = {"misses": MISSES, "window_s": WINDOW_S, "barred_s": BARRED_S}
        self.hall.found("council", members(CAP, LEAST, **rules), *FIRST)
        self.hall.found("holders", HOLDERS)
        for name, stages in POLICIES.items():
            scopes = SCOPES.get(name, ROLL_SCOPES)
            self.hall.permit(name, *stages, scopes=scopes, deposit=DEPOSIT)
        for account in PEOPLE:
            mint(self.state, account, ASSET, 1_000)
        self.cases: list[Case] = []
        self.roll = dict.fromkeys(FIRST, 0)  # votes missed in a row
        self.barred: dict[bytes, int] = {}
        self.alternates: list[bytes] = []
        self.vacant = 0
        self.counted_ms = 0
        self.bonds = dict.fromkeys(PEOPLE, 0)
        self.treasury = 0
        self.next_block()

    @property
    def state(self):  # type: ignore[no-untyped-def]
        return self.hall.chain.world.state

    @property
    def now_ms(self) -> int:
        return self.hall.chain.time_ms

    def next_block(self) -> None:
        self.hall.chain.world.height += 1

    # What the model does

    def open_stage(self, case: Case) -> None:
        case.opened_ms, case.votes = self.now_ms, []
        case.electors = tuple(self.roll)
        of_council = case.stage.body == "council"
        case.size = len(self.roll) if of_council else sum(self.bonds.values())

    def weight(self, case: Case, account: bytes) -> int:
        if case.stage.body == "holders":
            return self.bonds[account]
        return int(account in case.electors and account in self.roll)

    def cast(self, case: Case, account: bytes, choice: str) -> None:
        case.votes.append(Cast(account, choice, self.weight(case, account)))
        if account in self.roll and case.stage.body == "council":
            self.roll[account] = 0
        sums = self.sums(case)
        if case.stage.body == "holders":
            if outcome(case.stage, case.size, *sums) == "vetoed":
                self.close(case, "vetoed")
            return
        left = case.size - sum(sums)
        futures = {
            outcome(case.stage, case.size, *(s + m for s, m in zip(sums, more, strict=True)))
            for more in product(range(left + 1), repeat=3)
            if sum(more) <= left
        }
        if len(futures) == 1:
            self.close(case, futures.pop())

    def sums(self, case: Case) -> tuple[int, int, int]:
        yes, no, abstain = (
            sum(v.weight for v in case.votes if v.choice == choice) for choice in CHOICES
        )
        return yes, no, abstain

    def close(self, case: Case, result: str) -> None:
        self.note_absence(case)
        if result == "passed" and case.place + 1 < len(POLICIES[case.policy]):
            case.place += 1
            self.open_stage(case)
            return
        case.status = result
        if result == "passed" and not self.carry_out(case.action):
            case.status = "failed"
        if result == "vetoed":
            self.treasury += DEPOSIT

    def note_absence(self, case: Case) -> None:
        window_ms = 1000 * WINDOW_S
        if case.stage.body != "council" or self.now_ms < case.opened_ms + window_ms:
            return
        if self.now_ms < self.counted_ms + window_ms:
            return
        self.counted_ms = self.now_ms
        voted = {v.account for v in case.votes}
        out = []
        for account in sorted(self.roll):
            if account in case.electors and account not in voted:
                self.roll[account] += 1
                if self.roll[account] >= MISSES:
                    out.append(account)
        for account in out:
            if self.can_spare():
                self.leave(account, BARRED_S)

    def can_come(self, account: bytes) -> bool:
        return account not in self.roll and self.barred.get(account, 0) <= self.now_ms

    def can_spare(self) -> bool:
        return len(self.roll) > LEAST or any(map(self.can_come, self.alternates))

    def leave(self, account: bytes, barred_s: int) -> None:
        del self.roll[account]
        if barred_s:
            self.barred[account] = self.now_ms + 1000 * barred_s
        self.vacant += 1
        self.fill_vacancies()

    def fill_vacancies(self) -> None:
        while self.vacant and self.alternates:
            following = self.alternates.pop(0)
            if self.can_come(following):
                self.roll[following] = 0
                self.vacant -= 1

    def carry_out(self, action: object) -> bool:
        match action:
            case Admit(account=account):
                if not self.can_come(account) or len(self.roll) + self.vacant >= CAP:
                    return False
                self.roll[account] = 0
            case Dismiss(account=account, barred_s=barred_s):
                if account not in self.roll or not self.can_spare():
                    return False
                self.leave(account, barred_s)
            case NameAlternates(accounts=accounts):
                if len(set(accounts)) < len(accounts) or not all(map(self.can_come, accounts)):
                    return False
                self.alternates = list(accounts)
                self.fill_vacancies()
            case Replace(account=account):
                if account not in self.roll or not any(map(self.can_come, self.alternates)):
                    return False
                self.leave(account, 0)
        return True

    def pass_time(self) -> None:
        due = [
            case for case in self.cases if case.status == "open" and case.closes_ms <= self.now_ms
        ]
        due.sort(key=lambda case: (case.closes_ms, self.cases.index(case)))
        for case in due[:CLOSINGS_A_BLOCK]:
            self.close(case, outcome(case.stage, case.size, *self.sums(case)))

    # What happens

    @rule(
        who=st.sampled_from(PEOPLE),
        policy=st.sampled_from(["motion", "law", "roll"]),
        kind=st.sampled_from(["admit", "dismiss", "replace", "alternates"]),
        about=st.sampled_from(PEOPLE),
        more=st.lists(st.sampled_from(PEOPLE), max_size=3),
        barred_s=st.sampled_from([0, 50]),
    )
    def propose(
        self, who: bytes, policy: str, kind: str, about: bytes, more: list[bytes], barred_s: int
    ) -> None:
        action: Action = Resolve("so be it")
        if policy == "roll":
            action = {
                "admit": Admit("council", about),
                "dismiss": Dismiss("council", about, barred_s),
                "replace": Replace("council", about),
                "alternates": NameAlternates("council", tuple(more)),
            }[kind]
        held = balance_of(self.state, who, ASSET)
        result = self.hall.chain.act(who, Propose(policy, "t", "", (action.pack(),)))
        assert result == ("ok" if held >= DEPOSIT else "token.insufficient-balance")
        if result == "ok":
            case = Case(policy, who, action)
            self.cases.append(case)
            self.open_stage(case)
            if self.weight(case, who):
                self.cast(case, who, "yes")
        self.next_block()

    @rule(who=st.sampled_from(PEOPLE), choice=st.sampled_from(CHOICES), data=st.data())
    def vote(self, who: bytes, choice: str, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.cases) + 1))
        result = self.hall.chain.act(who, Vote(number, choice))
        self.next_block()
        if number > len(self.cases):
            assert result == "gov.unknown-proposal"
            return
        case = self.cases[number - 1]
        if case.status != "open":
            assert result == "gov.not-open"
        elif case.closes_ms <= self.now_ms:
            assert result == "gov.too-late"
        elif who in {v.account for v in case.votes}:
            assert result == "gov.voted-already"
        elif not self.weight(case, who):
            assert result == "gov.no-vote"
        else:
            assert result == "ok"
            self.cast(case, who, choice)

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def withdraw(self, who: bytes, data: st.DataObject) -> None:
        open_ = [i for i, case in enumerate(self.cases) if case.status == "open"]
        if open_:
            case = self.cases[i := data.draw(st.sampled_from(open_))]
            result = self.hall.chain.act(who, Withdraw(i + 1))
            assert result == ("ok" if case.proposer == who else "gov.not-proposer")
            if result == "ok":
                case.status = "withdrawn"
        self.next_block()

    @rule(who=st.sampled_from(PEOPLE), units=st.integers(1, 300))
    def bond(self, who: bytes, units: int) -> None:
        if self.hall.chain.act(who, Bond(units)) == "ok":
            self.bonds[who] += units
        self.next_block()

    @rule(who=st.sampled_from(PEOPLE), units=st.integers(1, 300))
    def unbond(self, who: bytes, units: int) -> None:
        locked = max(
            (
                v.weight
                for case in self.cases
                for v in case.votes
                if case.stage.body == "holders"
                and v.account == who
                and self.now_ms < case.closes_ms
            ),
            default=0,
        )
        result = self.hall.chain.act(who, Unbond(units))
        if units > self.bonds[who]:
            assert result == "stake.too-little-bonded"
        elif self.bonds[who] - units < locked:
            assert result == "stake.locked"
        elif result == "ok":
            self.bonds[who] -= units
        else:
            assert result == "stake.too-many-releases"
        self.next_block()

    @rule(seconds=st.sampled_from([1, 10, 29, 30, 45, 60, 90]))
    def wait(self, seconds: int) -> None:
        self.hall.wait(seconds)
        self.pass_time()

    # What must agree

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "hall"):
            return
        for number, case in enumerate(self.cases, 1):
            row = self.hall.proposal(number)
            assert (row.status, row.stage) == (case.status, case.place)
            tally = self.hall.tally(case.place, number)
            assert (tally.yes, tally.no, tally.abstain) == self.sums(case)
        assert self.hall.roll("council") == sorted(self.roll)
        assert [bonded_by(self.state, account) for account in PEOPLE] == list(self.bonds.values())
        open_ = sum(case.status == "open" for case in self.cases)
        assert pot_of(self.state, DEPOSITS_POT, ASSET) == DEPOSIT * open_
        assert pot_of(self.state, "treasury", ASSET) == self.treasury
        assert self.hall.sound() == []


Government.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestGovernment = Government.TestCase
