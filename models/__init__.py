"""From feature rows to probabilities of an onset, verified out of sample.

Rooms, each may import those before it as far as its own first lines allow: `season`, `outlook`,
`hazard`, `verification`, `training`, `forecasting`, `ledger`, `tracking`, `report`, `cli`.
`models.season.labels` is the only module that looks forward; `vocabulary`, `formatting` and
`errors` are what all rooms share.
"""
