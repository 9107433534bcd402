"""Where observations come from: the only room that asks a network.

Every source returns a `features.panel.MarketPanel`: a `directory` of one's own tables, or `yahoo`
after the embedded history; `etf_flows` keeps the figures that are downloaded by hand. `tables` and
`columns` read every file. It may import the rest of `features` and nothing of `models`.
"""
