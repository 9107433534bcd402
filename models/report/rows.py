"""What text and page both show, row by row: windows with their trend, drivers by group."""

from __future__ import annotations

from dataclasses import dataclass

from models.forecasting.moves import Driver
from models.forecasting.parts import Forecast, Window
from models.vocabulary import Kind


@dataclass(frozen=True)
class WindowRow:
    """A window, and its probability from each earlier day of the trend."""

    window: Window
    earlier: tuple[float | None, ...]


@dataclass(frozen=True)
class DriverGroup:
    """The drivers of one group of features and the sum of their percentage points."""

    name: str
    points: float
    drivers: tuple[Driver, ...]


def window_rows(forecast: Forecast, kind: Kind) -> list[WindowRow]:
    """Return the windows of a kind of season by length, the one by date last."""
    rows = []
    for windows, earlier in (
        (forecast.windows, [then.windows for then in forecast.trend]),
        (forecast.by_date, [then.by_date for then in forecast.trend]),
    ):
        own, *before = (
            [window for window in part if window.kind == kind] for part in (windows, *earlier)
        )
        for position, window in enumerate(own):
            rows.append(WindowRow(window, tuple(then[position].probability for then in before)))
    return rows


def driver_groups(forecast: Forecast) -> list[DriverGroup]:
    """Return the drivers by group, the strongest group first."""
    groups: dict[str, list[Driver]] = {}
    for driver in forecast.drivers:
        groups.setdefault(driver.group, []).append(driver)
    summed = [
        DriverGroup(name, sum(driver.points for driver in own), tuple(own))
        for name, own in groups.items()
    ]
    return sorted(summed, key=lambda group: -abs(group.points))


def driver_value(driver: Driver) -> str:
    """Return a driver's value in four digits, "missing" if it has none."""
    return "missing" if driver.value is None else f"{driver.value:.4g}"
