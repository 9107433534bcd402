"""The ledger: forecasts written down before the fact, and judged by what came after them.

`book` appends and reads the file, `entry` is one line of it, `track_record` judges. Only
`track_record` looks forward, so that `predict.py` loads it for its command `score` alone. Knows
nothing of MLflow, pictures or the command line.
"""
