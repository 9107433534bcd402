"""Storage: files whole or not at all, and tables that are never read damaged.

Writes beside the place and moves, one process at a time, digests what it keeps, sets aside what is
damaged, and keeps computed simulations by the digest of what they were made of. Imports
`features.market` for these; knows no source and no network.
"""
