"""The files of a forecast: the picture as PNG or SVG, the page as HTML."""

from __future__ import annotations

import pandas as pd

from models.forecasting.out_of_sample import OutOfSample
from models.forecasting.parts import Forecast
from models.report.page import forecast_page
from models.report.picture import describe, draw, title
from models.report.style import png, svg
from models.tracking.read import TrainingTables


def output(
    suffix: str,
    forecast: Forecast,
    tables: TrainingTables,
    past: OutOfSample,
    since: pd.Timestamp | None,
) -> bytes:
    """Return the content of a file by its ending: .png, .svg or .html."""
    if suffix == ".html":
        return forecast_page(forecast, tables, past, since=since).encode()
    figure = draw(past, forecast, since=since)
    if suffix == ".png":
        return png(figure)
    return svg(figure, title=title(past), description=describe(past, forecast, since=since))
