"""Plausibility: the one rule book that the data of every source must pass before they are used.

Pure functions of tables and series: what they were given, less what cannot be true, and a
`Finding` for each thing that was noticed. The docstring of the function that applies a rule is the
rule's entry in the `book`; `limits` holds every limit with its evidence, `check` puts all together.
Imports `features.panel`, `features.provenance` and `features.market`; no network, disk or clock.
"""
