"""What experiments do beside the ideal: functions from a model to a model with one part more."""
