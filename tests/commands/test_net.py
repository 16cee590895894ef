"""`reelect net`, and the options of `reelect up` about links, before anything runs."""

import pytest

from consensus.errors import InvalidEncoding
from node.commands.link_options import parse_delay_ms, parse_loss_ppm
from tests.commands.conftest import Run


@pytest.mark.parametrize(
    ("text", "delay_ms"),
    [("80ms", 80), ("0ms", 0), ("1s", 1000), ("0.5s", 500), ("0.001s", 1), ("2s", 2000)],
)
def test_delays(text: str, delay_ms: int) -> None:
    assert parse_delay_ms(text) == delay_ms


@pytest.mark.parametrize(
    ("text", "loss_ppm"),
    [("1%", 10_000), ("0.1%", 1_000), ("0%", 0), ("50%", 500_000), ("0.0001%", 1)],
)
def test_losses(text: str, loss_ppm: int) -> None:
    assert parse_loss_ppm(text) == loss_ppm


@pytest.mark.parametrize(
    "text",
    ["", "80", "ms", "-1ms", "80 ms", "80MS", "1.5ms", "0.0001s", "3s", "2001ms", "1e3ms", "٨ms"],
)
def test_no_delays(text: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"80ms or 0\.5s is expected|up to 2000ms"):
        parse_delay_ms(text)


@pytest.mark.parametrize("text", ["", "1", "%", "-1%", "1 %", "51%", "0.00001%", "1e1%", "nan%"])
def test_no_losses(text: str) -> None:
    with pytest.raises(InvalidEncoding, match=r"1% or 0\.1% is expected|0% to 50%"):
        parse_loss_ppm(text)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--latency", "80"), "80ms"),
        (("--jitter", "20%"), "80ms"),
        (("--loss", "1"), "1%"),
        (("--loss", "100%"), "reelect net partition"),
    ],
)
@pytest.mark.parametrize("command", [("up", "--base-port", "0"), ("net", "link")])
def test_a_wrong_unit_is_named(
    run: Run, command: tuple[str, ...], options: tuple[str, ...], sentence: str
) -> None:
    answer = run(*command, *options, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", options[0])
    assert sentence in str(answer.error["message"])


@pytest.mark.parametrize("shape", ["cube", "random", "random:1", "mesh:4"])
def test_a_wrong_shape_is_named(run: Run, shape: str) -> None:
    answer = run("up", "--base-port", "0", "--shape", shape, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", "--shape")


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("partition", "0,1|2,3"),
        ("heal",),
        ("link", "--latency", "80ms"),
        ("pause", "0"),
        ("resume", "0"),
        ("kill", "0"),
        ("stop", "0"),
        ("restart", "0"),
    ],
)
def test_no_network_runs(run: Run, command: tuple[str, ...]) -> None:
    answer = run("net", *command, "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (3, "", "unreachable")
    assert "reelect up" in str(answer.error["message"])
    elsewhere = run("net", *command, "--data-dir", "elsewhere")
    assert elsewhere.code == 3
    assert "elsewhere" in elsewhere.err
