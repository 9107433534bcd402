"""The market: coins to season index, breadth, universe and simulated paths.

Functions of tables that are handed in. Imports `features.panel` alone; touches no network, no
disk and no clock, and knows no feature by name.
"""
