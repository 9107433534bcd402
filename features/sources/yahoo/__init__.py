"""Yahoo: prices and rankings fetched, checked, kept, and joined to the embedded history.

`client` is the only module that asks Yahoo; `closes` and `sessions` are the rules that refuse
bars, `price_cache` and `price_history` keep what passed, `tickers` and `rankings` tell coins
apart, `panel` joins all of it. The clock is an argument. Imports the rest of `features`, never
`models`.
"""
