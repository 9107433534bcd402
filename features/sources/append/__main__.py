"""Run the command: python -m features.sources.append."""

from features.sources.append.command import main

if __name__ == "__main__":
    raise SystemExit(main())
