"""The bytes of the files that a forecast can be written to."""

from __future__ import annotations

import pandas as pd

from models.forecasting.out_of_sample import OutOfSample
from models.forecasting.parts import Forecast
from models.report.page import forecast_page
from models.report.picture import describe, draw, title
from models.report.style import png, svg
from models.tracking.tables import TrainingTables


def output(
    ending: str,
    forecast: Forecast,
    tables: TrainingTables,
    past: OutOfSample,
    since: pd.Timestamp | None,
) -> bytes:
    """Return a forecast as a picture or a page; equal forecasts give equal bytes.

    Parameters
    ----------
    ending : {".png", ".svg", ".html"}
        Of the file.
    forecast, tables, past, since
        As for `models.report.page.forecast_page`.
    """
    if ending == ".html":
        return forecast_page(forecast, tables, past, since=since).encode()
    figure = draw(past, since=since, outlook=forecast.outlook)
    if ending == ".png":
        return png(figure)
    description = describe(past, since=since, outlook=forecast.outlook)
    return svg(figure, title=title(past), description=description)
