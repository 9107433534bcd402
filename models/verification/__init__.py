"""Out-of-sample forecasts and what they are worth.

Knows arrays and dates: walk-forward folds, hindcast tables, scores and their
intervals. It knows no coins, no features by name and no MLflow, and imports
from `models` only the leads and the interface of hazard models.
"""
