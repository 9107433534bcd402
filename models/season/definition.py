"""What counts as the onset of a season: one frozen set of values for labels and forecasts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from features.market.season import PARTIAL_THRESHOLD
from models.vocabulary import Kind


@dataclass(frozen=True)
class OnsetDefinition:
    """What counts as the onset of an altcoin season; its values are fixed, not tuned.

    Examples
    --------
    >>> OnsetDefinition().partial().threshold
    50.0
    """

    threshold: float = 75.0  # season index (0-100) at which the season stands
    quiet_days: int = 30  # days below the threshold that must come before an onset
    window_days: int = 90  # days over which a coin must beat Bitcoin
    top: int = 50  # altcoins by market cap
    sustained_days: int = 30  # days at the threshold that make a broad season a sustained one
    sustained_within: int = 90  # days from its onset, itself included, in which they must fall

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 100:
            raise ValueError(f"threshold must lie in (0, 100], got {self.threshold:g}.")
        for name in ("quiet_days", "window_days", "top", "sustained_days", "sustained_within"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        # As many days as there are can all be at the threshold, hence not strict.
        if not self.sustained_days <= self.sustained_within:
            raise ValueError(
                f"sustained_days must be at most sustained_within ({self.sustained_within}), "
                f"got {self.sustained_days}."
            )

    def at(self, threshold: float) -> OnsetDefinition:
        """Return the same definition for seasons that begin at another threshold."""
        return replace(self, threshold=threshold)

    def partial(self) -> OnsetDefinition:
        """Return the same definition for a partial season."""
        return self.at(PARTIAL_THRESHOLD)

    def by_kind(self) -> dict[Kind, OnsetDefinition]:
        """Return the definition of each kind that has a threshold of its own."""
        return {Kind.BROAD: self, Kind.PARTIAL: self.partial()}

    def as_dict(self) -> dict[str, float]:
        """Return the values by name."""
        return asdict(self)
