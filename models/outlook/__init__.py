"""What seasons the future may hold: one alternating renewal process, every question answered by it.

`seasons` reads spells and seasons from an index up to a day, `posterior` says what the spells tell
about waiting, `patterns` how seasons run, `paths` simulates both from any state, `answers` reads
the paths. Arrays and dates in, answers out: no disk, no clock, no MLflow, and nothing else of
`models`.
"""
