"""Messages between nodes over TLS: connections, gossip, requests. Imports consensus only."""
