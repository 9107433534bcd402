"""Point-in-time features of the crypto and equity markets.

This room looks back only. It turns observations (`sources`, `reference`) into a validated
`MarketPanel`, coins into index, breadth and simulated paths (`market`) and the panel into one row
of features per day (`catalogue`), each built from values that were available at the end of that
day. It knows nothing of labels, models or MLflow and never imports `models`; only `storage`,
`reference` and `sources` touch disk or network, and nothing but a command reads the clock.
"""
