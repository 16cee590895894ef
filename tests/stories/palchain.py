"""PalChain's story (P1 to P9): from the first stable coin to an elected foundation."""

from tests.stories.telling import Story, Telling

DAY_S = 20


async def money_comes_in(story: Telling) -> None:
    """P1, P2."""
    story.chapter(
        "Nobody holds anything",
        """All of PALT is there, and none of it in anybody's hands (P1): 51 % wait in the community's
        reserve, 49 % for those to whom they were promised.""",
    )
    await story.do("reelect asset show PALT")
    palt = await story.ask("reelect asset show PALT")
    assert palt["minted"] == palt["cap"], palt
    story.say(
        """People pay in USDT, which the gateway issues for what it holds of it elsewhere (P2).
        Fees are paid in it too by who has no PALT."""
    )
    await story.do("reelect asset issue dev10 500 --asset USDT --from gateway")
    await story.do("reelect asset issue dev11 20 --asset USDT --from gateway")


async def a_call(story: Telling) -> None:
    """P7, P9."""
    story.chapter(
        "A call of ten minutes",
        """`dev11` offers conversation, and `dev10` looks for somebody to talk to about chess. Whom it
        would find can be seen before anything is sent (P7).""",
    )
    await story.do(
        "reelect session profile set --language en --interest chess --interest music "
        "--price 0.5USDT --kind video --available --from dev11"
    )
    await story.do("reelect session match --language en --interest chess --max-price 1USDT")
    await story.do(
        "reelect session ask --language en --interest chess --max-price 1USDT --minutes 30 --from dev10"
    )
    await story.do("reelect session accept 0 --from dev11")


async def _tell(story: Telling) -> None:
    await money_comes_in(story)
    await a_call(story)


PALCHAIN = Story(
    "PalChain: a call, a gift, a dividend",
    f"""A community of one-to-one calls, on one machine and with days of {DAY_S} seconds. The
    accounts are those that `reelect up` makes; `gateway`, `attester`, `team` and the foundation's
    three first members have parts to play, `dev10` to `dev15` are people.""",
    ("--preset", "palchain", "--day-s", str(DAY_S), "--slot-ms", "500"),
    _tell,
)
