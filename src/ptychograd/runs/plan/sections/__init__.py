"""The sections of a plan: what is said about data, model, fit, validation, output and machine."""
