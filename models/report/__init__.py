"""All that a person sees: figures, the page, the text of the terminal, tables of values.

The only room that draws (matplotlib, templates). Says what it is handed and computes no
probability; imports nothing of MLflow itself and nothing of `models.cli`. The texts load neither
matplotlib nor what trains, so that a forecast in the terminal answers quickly.
"""
