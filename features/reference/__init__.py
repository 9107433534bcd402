"""The embedded history: derived values only, with its data card (`card.json`).

`python -m features.reference.compile --data-dir DIR` writes both from a
`files` directory; `features.sources.reference` reads them.
"""
