"""Hazards: features in, a probability per lead out.

Every candidate is one classifier over leads of 30 days, and a fitted one with its climatology and
its evidence is a forecaster, stored as plain values. Imports `features`; knows no labels but those
it is handed, and nothing of verification, training, MLflow or pictures.
"""
