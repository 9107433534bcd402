"""Seasons of an index: what counts as an onset, and the quiet spells and seasons up to a day.

`definition` holds the values, `spells` reads an index up to a day, `labels` is the only module that
looks forward: training and the judging of old forecasts alone may import it. `outcomes` reads,
under the same rule, a file of what no price decides. Imports `features` and the words of
`models.vocabulary`; no clock.
"""
