"""The embedded history and membership: derived values and facts only.

`python -m features.reference.compile --data-dir DIR` writes the history with
the index of other windows and tops (`definitions.parquet`) and its card
(`card.json`) from a `files` directory; `features.reference.load`
reads them. `python -m features.reference.members --data-dir DIR` writes who was
in the top 100 when (`membership.parquet`, `coins.csv`, `membership.json`);
`features.reference.membership` reads them with two lists that are kept by hand,
`tickers.csv` and `exclusions.csv`.
"""
