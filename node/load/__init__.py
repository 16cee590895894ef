"""Load for a network: signed transfers at a steady rate, and what becomes of each of them."""
