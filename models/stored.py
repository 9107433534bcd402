"""Types of stored values: what pydantic reads and writes of them."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema


def _day(value: object) -> pd.Timestamp:
    day = pd.Timestamp(value)  # type: ignore[arg-type]
    if day != day.normalize() or day.tz is not None:
        raise ValueError(f"a day must be written YYYY-MM-DD, got {value}")
    return day.as_unit("s")


Day = Annotated[
    pd.Timestamp,
    PlainValidator(_day),
    PlainSerializer(lambda day: f"{day:%Y-%m-%d}", return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
