"""Appending: later days into a directory of market history, nothing in it changed unseen.

`tables` keeps every cell of a file as it stands, `merging` compares new rows with those there,
`directory` checks the tables together and writes all or none, `command` is
`python -m features.sources.append`, which alone reads the clock. Knows no network.
"""
