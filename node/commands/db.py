"""`reelect db`: look after a node's database while the node is stopped."""

from cyclopts import App

app = App(name="db", help="Check, repair, copy and move a stopped node's database.")
