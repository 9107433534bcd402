"""Where observations come from: the only room that asks a network.

Every source returns a `features.panel.MarketPanel`: a directory of `files` with its `columns`, or
`yahoo` after the embedded history; `etf_flows` keeps the figures that are downloaded by hand, and
`append` adds days to a directory. It may import the rest of `features` and nothing of `models`.
"""
