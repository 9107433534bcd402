"""The embedded history and membership: derived values and facts only.

`load` and `membership` read them, `make` (`make history DATA_DIR=DIR`) writes them again:
the history (`history.parquet`), the index of other windows and tops (`definitions.parquet`), who
was in the top 100 when (`membership.parquet`, `coins.csv`) and the card of all (`card.json`).
Two lists are kept by hand, `tickers.csv` and `exclusions.csv`.
"""
