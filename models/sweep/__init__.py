"""Sweeps: the same study under every choice, on one machine or a cluster.

Specifications to results, results to a table and to what may be said of it. Workers evaluate, the
client stores. Imports `features`, `models.training` and the rooms below it; knows nothing of
MLflow, pictures or the command line.
"""
