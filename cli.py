"""The command `reelect`: a table of commands, each imported only when it is asked for.

A new command is a module in `node/commands/` and one line in COMMANDS.
"""

import os
import sys
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from cyclopts import App

SUMMARY = "A private blockchain node for video communities."

# Name, function or cyclopts App as module:attribute, and what it does in one line.
COMMANDS = (
    ("up", "node.commands.up:up", "Run a whole local network until Ctrl-C."),
    ("reset", "node.commands.reset:reset", "Delete the local network."),
    ("net", "node.commands.net:app", "Disturb the running local network: links and nodes."),
    ("load", "node.commands.load:load", "Send transfers at a rate; see what becomes final when."),
    ("init", "node.commands.init:init", "Write a new node's keys and configuration."),
    ("node", "node.commands.node:node", "Run one validator or follower."),
    ("status", "node.commands.status:status", "Show how a node and its chain are."),
    ("peers", "node.commands.peers:app", "Look at a node's peers; ban, unban, add."),
    ("tx", "node.commands.tx:app", "Make, sign together, send and look up transactions."),
    ("account", "node.commands.account:app", "Look at accounts; change keys, recover, attest."),
    ("asset", "node.commands.asset:app", "Look at assets; issue as a gateway, and burn."),
    ("pot", "node.commands.pot:app", "Look at pots and what they pass on."),
    ("vesting", "node.commands.vesting:app", "Look at grants and reserves; claim what unlocked."),
    ("economy", "node.commands.economy:app", "The community's days; rehearse a preset."),
    ("checkin", "node.commands.checkin:app", "Check in for a period, and share its airdrop."),
    ("task", "node.commands.task:app", "Tasks: propose, claim, publish and approve."),
    ("grant", "node.commands.grant:app", "Grants for nodes and for delegating to one."),
    ("stipend", "node.commands.stipend:app", "Monthly pay by assessment: enlist, assess, claim."),
    ("airdrop", "node.commands.airdrop:app", "Give to holders by a snapshot; take one's own."),
    ("dividends", "node.commands.dividends:app", "What holdings have earned; claim it."),
    ("market", "node.commands.market:app", "Buy and sell assets; books, trades and prices."),
    ("session", "node.commands.session:app", "Offer, find and pay one-to-one sessions."),
    ("rating", "node.commands.rating:app", "Rate the other side of a session; look at ratings."),
    ("auction", "node.commands.auction:app", "Advertising slots: bid, donate, see what shows."),
    ("packet", "node.commands.packet:app", "Red packets, which those who come first share."),
    ("swap", "node.commands.swap:app", "Exchange between two chains, both halves or neither."),
    ("otc", "node.commands.otc:app", "Trade over the counter, with escrow."),
    ("fund", "node.commands.fund:app", "Token funds: invest by vote, and share what comes back."),
    ("redemption", "node.commands.redemption:app", "What the token buys: offers and vouchers."),
    ("order", "node.commands.order:app", "Service orders: place, accept, score; buy back."),
    ("batch", "node.commands.batch:app", "Batches of orders: gather, approve, see them."),
    ("finance", "node.commands.finance:app", "Finance reports and audits; what is overdue."),
    ("revenue", "node.commands.revenue:app", "What the platform took each day, for whom."),
    ("rebate", "node.commands.rebate:app", "Consumption is reward: what is released; claim it."),
    ("activity", "node.commands.activity:app", "How active each day was, and what that makes."),
    ("poa", "node.commands.poa:app", "Proof of activity: what being active has earned; claim it."),
    ("poc", "node.commands.poc:app", "Proof of contribution: creators by rank, and their pairs."),
    ("ranking", "node.commands.ranking:app", "What fees voted for; what is recommended."),
    ("statistics", "node.commands.chain_statistics:app", "What happened, by day and video."),
    ("recommend", "node.commands.recommend:app", "Videos by who likes what."),
    ("live", "node.commands.live:app", "Live rooms: packets, invitations, audience, shows."),
    ("referral", "node.commands.referral:app", "Share what links bring; set its terms."),
    ("app", "node.commands.app:app", "Apps: find, enable and pay in them; offer one."),
    ("gift", "node.commands.gift:app", "Give gifts, have them made, see who gave what."),
    ("mail", "node.commands.mail:app", "Send, read and delete sealed letters; groups."),
    ("claim", "node.commands.claim:app", "Claim what was held on Ethereum; make snapshots."),
    ("producer", "node.commands.producer:app", "Look at producers; register, stand, resign."),
    ("stake", "node.commands.stake:app", "Bond tokens and take them back."),
    ("vote", "node.commands.vote:app", "Approve producers with bonded tokens."),
    ("gov", "node.commands.gov:app", "Propose, vote, and see what is proposed and decided."),
    ("election", "node.commands.election:app", "Bodies that holders elect: stand, vote, recall."),
    ("policy", "node.commands.policy:app", "Show who must agree to what."),
    ("member", "node.commands.member:app", "Bodies that decide: who is in, comes, and goes."),
    ("param", "node.commands.param:app", "Show the parameters, and how they changed."),
    ("block", "node.commands.block:app", "Look at blocks."),
    ("video", "node.commands.video:app", "Publish, fetch, sell, buy and hand on videos."),
    ("space", "node.commands.space:app", "Rooms in which videos have names."),
    ("name", "node.commands.name:app", "What a name in a space stands for."),
    ("content", "node.commands.content:app", "Pin, list, verify, export and import content."),
    ("storage", "node.commands.storage:app", "Pledge to hold videos, and prove it."),
    ("genesis", "node.commands.genesis:app", "Make and read the file that a chain begins with."),
    ("keys", "node.commands.keys:app", "Make, list, show and import keys."),
    ("journal", "node.commands.journal:app", "Look at, copy and move the signing journal."),
    ("db", "node.commands.db:app", "Check, repair, copy and move a stopped node's database."),
    ("cid", "node.commands.cid:cid", "Print the content id of a file or folder."),
    ("light", "node.commands.light:app", "Ask any node and believe only what it proves."),
    ("config", "node.commands.config:app", "Show the settings and where each comes from."),
    ("completion", "cli:completion", "Print a shell completion script."),
)

INTERRUPTED = 130
BROKEN_PIPE = 141


def main() -> NoReturn:
    """Run the command line of this process and exit with its code (see node/failure.py)."""
    if os.environ.get("REELECT_PURE"):
        from node.version import prefer_sources

        prefer_sources()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    try:
        _act(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        return _report(error, as_json="--json" in arguments)
    return 0


def _act(arguments: list[str]) -> None:
    """Help and version are answered without the command framework, whose import alone takes
    longer than people should wait for them."""
    if not arguments or arguments[0] in ("--help", "-h"):
        print(overview())
    elif arguments[0] == "--version":
        from node.version import VERSION, build

        print(f"reelect {VERSION} ({build()})")
    else:
        application()(arguments)


def overview() -> str:
    """The help page of `reelect` itself."""
    width = max(len(name) for name, _, _ in COMMANDS)
    rows = [f"  {name.ljust(width)}  {summary}" for name, _, summary in COMMANDS]
    return "\n".join(
        [
            f"reelect: {SUMMARY[0].lower()}{SUMMARY[1:]}",
            "",
            "Usage: reelect COMMAND …",
            "",
            *rows,
            "",
            "`reelect COMMAND --help` explains a command; `reelect --version` names this build.",
            "Data goes to stdout, progress to stderr; every command that answers takes --json.",
            "Exit codes: 0 ok, 1 refused, 2 usage, 3 unreachable, 4 timed out, 5 proof failed.",
        ]
    )


def application() -> "App":
    """The cyclopts application with every command registered by its import path."""
    from cyclopts import App

    from node.help_pages import HelpPages

    app = App(
        name="reelect",
        help=SUMMARY,
        backend="trio",
        help_format="plaintext",
        help_formatter=HelpPages(),
        version_flags=[],
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for name, target, _ in COMMANDS:
        app.command(target, name=name)
    return app


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print the completion script of a shell.

    bash: write it to ~/.local/share/bash-completion/completions/reelect.

    zsh: write it to _reelect in a folder of $fpath.

    fish: write it to ~/.config/fish/completions/reelect.fish.

    Parameters
    ----------
    shell
        The shell.
    """
    print(application().generate_completion(shell=shell), end="")


def _report(error: Exception, *, as_json: bool) -> int:
    """Print an expected error as one sentence and give its exit code; raise any other."""
    from cyclopts import CycloptsError

    from node.failure import failure_of
    from node.help_pages import usage_of
    from node.output import print_failure

    if isinstance(error, CycloptsError):
        error = usage_of(error)
    failure = failure_of(error)
    if failure is None:
        raise error
    print_failure(failure, as_json=as_json)
    return failure.exit_code


if __name__ == "__main__":
    main()
