"""From feature rows to probabilities of an onset, verified out of sample.

`models.onset` is the only module that looks forward; `models.verification`
knows arrays and dates, not coins, and no MLflow; `models.tracking` is the only
module that knows MLflow, `models.report` the only one that draws.
"""
