"""What every node must agree on byte for byte. Pure: no clock, no randomness, no I/O."""
