"""Forecasts written down before the fact, and judged when the data have come.

A line of the ledger holds the answers of a forecast; read again they are rows, with outcomes they
are scored. Imports the labels and no MLflow; draws nothing.
"""
