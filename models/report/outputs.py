"""The bytes of the files that a forecast can be written to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from models.forecasting.out_of_sample import Record
from models.report.page import forecast_page
from models.report.picture import describe, draw, title
from models.report.style import png, svg
from models.tracking.tables import TrainingTables


def output(
    ending: str,
    forecast: Mapping[str, Any],
    tables: TrainingTables,
    record: Record,
    since: pd.Timestamp | None,
) -> bytes:
    """Return a forecast as a picture or a page; equal forecasts give equal bytes.

    Parameters
    ----------
    ending : {".png", ".svg", ".html"}
        Of the file.
    forecast, tables, record, since
        As for `models.report.page.forecast_page`.
    """
    if ending == ".html":
        return forecast_page(forecast, tables, record, since=since).encode()
    figure = draw(record, since=since)
    if ending == ".png":
        return png(figure)
    return svg(figure, title=title(record), description=describe(record, since=since))
