"""The plan of a run: its sections, how it is read and saved, and the run that it makes."""
