"""What the two commands share: options, the panel they ask for, exit codes, the clock.

The only room that knows typer, beside the scripts themselves and the command that keeps ETF flows.
It may import every other room; none imports it. `options` and `market_options` import nothing
heavy, so that `--help` answers at once.
"""
