"""The door through which files of strangers come in."""
