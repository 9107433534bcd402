"""Hazards: features in, a probability per lead out.

A hazard model is an estimator over leads of 30 days; a candidate is one with a name, in the running
for champion; a fitted candidate with its climatology, replicates and evidence is a forecaster,
stored as plain values; a version is a forecaster in MLflow's registry. Imports `features`; knows no
labels but those it is handed, and nothing of verification, training, MLflow or pictures.
"""
