"""Positions that lie beside the patterns: in a table of text, in another file of arrays, in two arrays, for x and y."""
