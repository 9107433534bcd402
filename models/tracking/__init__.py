"""MLflow: the only room that knows it.

A training run becomes a parent run with one child per candidate. Forecasters
are stored as plain parameters and read back without executing anything from
the store. The champion is registered last, after all else is safely logged.
Never imports `models.report`: pictures are handed in as bytes; and `read`
reaches nothing that trains.
"""
