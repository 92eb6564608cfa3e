"""What a person reads of results, runs and sweeps."""
