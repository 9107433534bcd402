"""CoinMarketCap: the whole ranked market now without a key, and day by day with one.

`client` is the only module that asks; `listings` reads an answer and tells coins apart, `snapshot`
is the market within the running day, `panel` joins the stored days to the embedded history. The
vendor's terms allow internal use and storage; nothing of it is embedded. The clock is an argument.
Imports the rest of `features`, never `models`.
"""
