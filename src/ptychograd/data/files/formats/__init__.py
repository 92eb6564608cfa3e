"""The formats of the field, one module each, and what they share: what an array means, its units, its mask."""
