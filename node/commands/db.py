"""`reelect db`: look after a node's database while the node is stopped."""

from cyclopts import App

from node.commands.db_snapshot import export, import_, snapshots

app = App(name="db", help="Check, repair, copy and move a stopped node's database.")
app.command(snapshots)
app.command(export)
app.command(import_, name="import")
