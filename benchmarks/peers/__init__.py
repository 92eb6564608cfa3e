"""Other packages beside this one, on the same arrays, in one run."""
