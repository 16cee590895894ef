"""The page that shows a directory without an index.html."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from consensus.cid import Cid
from consensus.unixfs import DirectoryEntry

VERSION = 1  # of the page; part of its ETag

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
h1 {{ font-size: 1.25rem; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .25rem .5rem; text-align: left; overflow-wrap: anywhere }}
td:nth-child(2), th:nth-child(2) {{ text-align: right; white-space: nowrap }}
tr + tr {{ border-top: 1px solid #8884 }}
code {{ font-size: .85em }}
</style>
</head>
<body>
<h1>{title}</h1>
<p><code>{cid}</code> · <a href="?format=car">CAR</a> · <a href="?format=raw">block</a></p>
<table>
<thead><tr><th>Name</th><th>Bytes of all blocks</th><th>CID</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def listing(title: str, cid: Cid, entries: Sequence[DirectoryEntry], *, has_parent: bool) -> bytes:
    """The page of a directory, whose links are relative to a URL that ends in a slash."""
    rows = [_row(entry) for entry in entries]
    if has_parent:
        rows.insert(0, '<tr><td><a href="..">..</a></td><td></td><td></td></tr>')
    page = _PAGE.format(title=escape(title), cid=cid, rows="\n".join(rows))
    return page.encode()


def _row(entry: DirectoryEntry) -> str:
    link = f"./{quote(entry.name, safe='')}"  # behind ./ no name is taken for a scheme
    return (
        f'<tr><td><a href="{link}">{escape(entry.name)}</a></td>'
        f"<td>{entry.tsize}</td><td><code>{entry.cid}</code></td></tr>"
    )
