"""What experiments do beside the ideal: each effect in the truth, and in the model or not (docs/experiments.md)."""
