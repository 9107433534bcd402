"""ETF flows that were downloaded by hand: read, checked, kept, and given to a panel.

`layouts`, `cells` and `spreadsheets` read a file, `embedded` holds it against what is
known, `flow_store` keeps figures with their origin, `series` gives them to a panel;
`command` with `text` is ``python -m features.sources.etf_flows``, and nothing imports it. Asks no
network; imports the rest of `features`, never `models`.
"""
