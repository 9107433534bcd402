"""The ledger: forecasts written down before the fact, and judged by what came after them.

`book` appends and reads the file, `entry` is one line of it, `recording` tells a person what was
written; `track_record` and `text` judge. Only `track_record` looks forward, so that `predict.py`
loads it for its command `score` alone.
"""
