"""Where observations come from: the only room that touches disk or network.

Every source returns a `features.panel.MarketPanel`. It may import the rest of
`features` and nothing of `models`.
"""
