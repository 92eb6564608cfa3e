"""Kinds of files, one module each: how a kind is known, and how it is opened as named arrays."""
