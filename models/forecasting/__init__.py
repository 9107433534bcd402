"""Forecasting: what is said of one day, from what was known at its end.

A stored forecaster and the panel give probabilities with intervals, the season's status, the
change since earlier days, the reforecasts of past ones and the state of the data. Imports
`features` and `models.hazard`; never imports `models.season.labels`, so no outcome can reach a
forecast, nor `models.verification` or `models.training`.
"""
