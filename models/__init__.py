"""From feature rows to probabilities of an onset, verified out of sample.

The rooms in their order: `hazard`, `verification`, `training`, `forecasting`, `ledger`, `tracking`,
`report`, `cli`; none imports one that comes after it. `onset` is the only module that looks
forward; `errors` and `formatting` are shared by all.
"""
