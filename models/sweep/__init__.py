"""Sweeps: the same study under every choice, on one machine or a cluster.

Specifications -> delayed tasks -> one table of results -> summary. Workers evaluate, the client
keeps the results. Imports `features`, `models.training` and the rooms below it; knows nothing of
MLflow, pictures or the command line.
"""
