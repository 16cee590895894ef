"""From a preset to the first state and block of a chain. Pure but for its own packaged presets."""
