"""`reelect db`: look after a node's database while the node is stopped."""

from cyclopts import App

from node.commands.db_snapshot import export, import_, snapshots
from node.commands.db_upkeep import check, compact, repair, stats

app = App(name="db", help="Check, repair, copy and move a stopped node's database.")
app.command(check)
app.command(repair)
app.command(compact)
app.command(stats)
app.command(snapshots)
app.command(export)
app.command(import_, name="import")
