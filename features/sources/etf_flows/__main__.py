"""``python -m features.sources.etf_flows``: the command that keeps ETF figures."""

from features.sources.etf_flows.command import app

if __name__ == "__main__":
    app(prog_name="python -m features.sources.etf_flows")
