"""Point-in-time features of the crypto and equity markets.

This room looks back only. It turns observations (`features.sources`) into a
validated `MarketPanel` and the panel into one row of features per day, each
built from values that were available at the end of that day. It knows nothing
of labels, models or MLflow and never imports `models`; only
`features.sources` touches disk or network, and nothing here reads the clock.
"""
