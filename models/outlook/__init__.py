"""What seasons the future may hold: one alternating renewal process, every question answered by it.

`posterior` is what past spells teach about waiting, `patterns` how seasons run, `renewal` both of
one threshold; `paths` simulates them from any state, `weights` reads the same paths under other
near-term hazards, `waiting` and `answers` read them. Arrays and dates in, answers out: no disk, no
clock, no MLflow, and of `models` the room of the season alone.
"""
