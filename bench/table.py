"""The results as a page: what was measured where, and one line for each ratio."""

from collections.abc import Iterator, Sequence

from bench.others import OTHERS, ratios
from bench.report import Figure, Report


def page(results: Report) -> str:
    """Markdown of all results."""
    lines = ["# Results", "", *_facts(results)]
    rows, others = _part(results, "rows"), _part(results, "others")
    if rows:
        lines += ["", "## Beside what bounds it", "", *_rows(rows)]
    scale = _part(results, "scale")
    if scale:
        lines += ["", "## Scale", "", *_scale(scale)]
    if others:
        lines += ["", "## Other benches", "", *_others(others)]
    return "\n".join(lines) + "\n"


def _part(report: Report, name: str) -> Report:
    value = report.get(name, {})
    return value if isinstance(value, dict) else {}


def _facts(results: Report) -> Iterator[str]:
    for name in ("machine", "versions"):
        facts = ", ".join(f"{key} {value}" for key, value in _part(results, name).items())
        yield f"- {name}: {facts}"
    yield f"- {results['size']} run, begun {results['begun']}, {results['seconds']} s"


def _rows(rows: Report) -> Iterator[str]:
    yield from _table("row", "value", "limit", "ratio", "min", "max", "should be", "aim", "met")
    for name in rows:
        row = _part(rows, name)
        if "error" in row:
            yield _line(name, f"failed: {row['error']}", *[""] * 7)
            continue
        value, limit, ratio = (_part(row, figure) for figure in ("value", "limit", "ratio"))
        bound = f"≥ {row['at_least']}" if "at_least" in row else f"≤ {row['at_most']}"
        yield _line(
            f"{name}: {row['value_is']} ÷ {row['limit_is']}",
            f"{_number(value['median'])} {row['unit']}",
            f"{_number(limit['median'])} {row['unit']}",
            *(_number(ratio[figure]) for figure in ("median", "min", "max")),
            bound,
            str(row.get("aim", "")),
            "yes" if row["met"] else "no",
        )


def _scale(scale: Report) -> Iterator[str]:
    if "error" in scale:
        yield f"failed: {scale['error']}"
        return
    yield from _table(f"accounts ({scale['transfers_a_block']} transfers)", "µs a transfer")
    yield from _costs(_part(scale, "by_accounts"))
    yield ""
    yield from _table(f"transfers ({scale['accounts']} accounts)", "µs a transfer")
    yield from _costs(_part(scale, "by_transfers"))
    yield ""
    yield from _table("producers", "votes a node and slot", "bytes of them")
    producers = _part(scale, "by_producers")
    for count in producers:
        cost = _part(producers, count)
        yield _line(count, *map(_number, cost.values()))


def _costs(costs: Report) -> Iterator[str]:
    for count in costs:
        yield _line(count, _number(_part(costs, count)["microseconds_a_transfer"]))


def _others(others: Report) -> Iterator[str]:
    yield from _table("ratio", "median", "min", "max")
    for name in filter(others.__contains__, OTHERS):
        report = _part(others, name)
        if "error" in report:
            yield _line(name, f"failed: {report['error']}", "", "")
        for path, ratio in ratios(report):
            each = ratio if isinstance(ratio, dict) else {"median": ratio}
            figures = (_number(each.get(figure, "")) for figure in ("median", "min", "max"))
            yield _line(f"{name}: {path}", *figures)


def _table(*heads: str) -> Sequence[str]:
    return _line(*heads), _line(*["---"] * len(heads))


def _line(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"


def _number(value: Figure) -> str:
    """To three digits or to whole ones."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
