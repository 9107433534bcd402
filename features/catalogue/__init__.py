"""The catalogue: from a panel to the feature frame, one row per as_of day.

Each feature names its sources, its window and its meaning, and is computed on what was available
at the end of the day. Imports `features.panel` and `features.market`; touches no network, no disk
and no clock.
"""
