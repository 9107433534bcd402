"""Plausibility: the one rule book that the data of every source must pass before they are used.

Pure functions of tables and series: what they were given, less what cannot be true, and a
`Finding` for each thing that was noticed. `rules` is the book itself, its limits with their
reasons; `levels`, `flows`, `market` and `pegs` apply it, `checked` puts them together. Imports
`features.panel`, `features.provenance` and `features.market`; touches no network, disk or clock.
"""
