"""Where observations come from: the only room that touches disk or network.

Every source returns a `features.panel.MarketPanel`; what they are made of, such as daily
closes, is fetched, checked and kept here too. It may import the rest of `features` and
nothing of `models`.
"""
