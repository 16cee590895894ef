"""The economies of all presets walked at random: `make economies`."""
