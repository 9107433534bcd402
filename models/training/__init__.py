"""Training: from a panel to verified candidates.

Labels, walk-forward refits, the gate's choice and what is studied beside it: claims, events,
ablation, and the controls of the verification itself. Imports `features`, `models.season.labels`,
`models.hazard` and `models.verification`; knows nothing of MLflow, pictures or the command line.
"""
