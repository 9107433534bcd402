"""The published schema of a forecast, to validate every answer against."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "forecast.schema.json").read_text())
_VALIDATOR = Draft202012Validator(SCHEMA)


def validate(answer: dict) -> None:
    """Raise jsonschema.ValidationError if an answer is not as published."""
    _VALIDATOR.validate(answer)
