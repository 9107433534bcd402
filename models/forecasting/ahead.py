"""One forecaster's answers to every question: its hazards near the day, the process beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from models.answers import QUANTILES, Answer, Event, Question, State
from models.forecasting.base_rates import BaseRates
from models.forecasting.leads import NEAR_DAYS, ByLead, near_term_hazards
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, FloatArray, incidence
from models.outlook.level import onset_by_day, parameter_draws
from models.outlook.path_onsets import known_onsets, pending
from models.outlook.paths import N_GROUPS, N_PATHS, REACH_DAYS, Paths, simulate
from models.outlook.renewal import Renewal, fit_renewal
from models.outlook.waiting import Waiting, credible_interval, exact_interval, waiting_times
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray, History, observe
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)
LEVEL = 0.9
SEED = 0
Renewals = Mapping[str, Renewal]


@dataclass(frozen=True, eq=False)
class Ahead:
    """The seasons to come as one forecaster sees them from the end of a day.

    Near the day its hazards answer, beyond them the process of quiet spells and seasons; windows
    that begin on the next day are answered exactly where the kind is at risk, all others are
    counted on simulated paths.
    """

    as_of: pd.Timestamp
    definitions: Mapping[Kind, OnsetDefinition]  # from the highest threshold to the lowest
    now: Mapping[str, History]  # the same kinds as they stand on as_of
    leads: Mapping[Kind, ByLead]  # what the forecaster says of as_of, one row a kind
    renewals: Renewals | None  # None where no season had ended to learn from
    base: BaseRates
    n_paths: int = N_PATHS

    @classmethod
    def from_index(
        cls,
        index: pd.Series,
        as_of: pd.Timestamp,
        definitions: Mapping[Kind, OnsetDefinition],
        leads: Mapping[Kind, ByLead],
        renewals: Renewals | None,
        *,
        n_paths: int = N_PATHS,
    ) -> Ahead:
        """Return the seasons to come on a day; what the index did after it is not read."""
        ordered = dict(sorted(definitions.items(), key=lambda each: -each[1].threshold))
        now: dict[str, History] = {
            kind: observe(index, until=as_of, definition=each) for kind, each in ordered.items()
        }
        base = BaseRates(index, as_of, ordered)
        return cls(as_of, ordered, now, leads, renewals, base, n_paths)

    def answers(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        """Answer questions, all from the same paths."""
        reach = max(((each.end - self.as_of).days for each in questions), default=0)
        if reach > REACH_DAYS:
            last = self.as_of + REACH_DAYS * DAY
            raise ValueError(
                f"a question must end by {last:%Y-%m-%d}, three years after as_of, got "
                f"{self.as_of + reach * DAY:%Y-%m-%d}."
            )
        answering = _Answering(self, reach)
        return tuple(answering.answer(question) for question in questions)

    @cached_property
    def near_term(self) -> dict[str, FloatArray]:
        """Hazards of the leads near the day by replicate, for the kinds at risk."""
        return {
            kind: near_term_hazards(leads, leads.replicates)
            for kind, leads in self.leads.items()
            if self.now[kind].at_risk
        }

    @cached_property
    def redrawn(self) -> dict[str, FloatArray]:
        """The same with the paths' quarters drawn anew: intervals are of these, chances not."""
        return {
            kind: near_term_hazards(leads, leads.redrawn)
            for kind, leads in self.leads.items()
            if kind in self.near_term
        }


class _Answering:
    """The answers to the questions of one forecast, with what they share."""

    def __init__(self, ahead: Ahead, reach: int) -> None:
        self.ahead, self.reach = ahead, reach
        self._waits: dict[int, dict[str, Waiting]] = {}

    @cached_property
    def paths(self) -> Paths:
        ahead = self.ahead
        assert ahead.renewals is not None
        return simulate(
            ahead.renewals,
            ahead.now,
            days=self.reach,
            near_term=ahead.near_term,
            n_paths=ahead.n_paths,
            seed=SEED,
        )

    @cached_property
    def exact(self) -> dict[str, FloatArray]:
        """P(an onset by each day) of each draw of the parameters, for the kinds at risk."""
        return self._onset_by_day(self.ahead.near_term)

    @cached_property
    def redrawn(self) -> dict[str, FloatArray]:
        """The same with the paths' quarters drawn anew, for the intervals."""
        return self._onset_by_day(self.ahead.redrawn)

    def _onset_by_day(self, near_term: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        ahead, uniform = self.ahead, parameter_draws(SEED, N_GROUPS)
        assert ahead.renewals is not None
        return onset_by_day(ahead.renewals, ahead.now, near_term, uniform, self.reach)

    def answer(self, question: Question) -> Answer:
        by_event = {
            Event.BEGINS: self._begins,
            Event.STANDS: self._stands,
            Event.DAYS: self._days,
            Event.LASTS: self._lasts,
            Event.FIRST: self._first,
        }
        return by_event[question.question](question)

    def _row(self, question: Question, **values: object) -> Answer:
        return Answer(*question, state=self.ahead.base.state(question.kind), **values)  # type: ignore[arg-type]

    def _begins(self, question: Question) -> Answer:
        ahead, (kind, _, start, _end) = self.ahead, question
        onsets = known_onsets(list(ahead.now.values()), kind, list(ahead.now))
        begun = onsets[onsets >= start]
        base, state = self._base_of_onset(question)
        if len(begun):
            return self._row(
                question, probability=1.0, low=1.0, high=1.0, base_rate=base, base_state=state,
                began_on=pd.Timestamp(begun[0]),
            )  # fmt: skip
        if (reason := self._impossible(question)) is not None:
            return self._row(question, reason=reason)
        chance = self._chance(question)
        if chance is None:
            reason = f"more than {LIMIT_DAYS} days ahead, and no season had ended yet"
            return self._row(question, base_rate=base, base_state=state, reason=reason)
        probability, low, high = chance
        return self._row(
            question, probability=probability, low=min(low, probability),
            high=max(high, probability), base_rate=base, base_state=state,
        )  # fmt: skip

    def _impossible(self, question: Question) -> str | None:
        """Return why no season of the kind or a stronger one can begin by the window's end."""
        ahead, kind = self.ahead, question.kind
        names = list(ahead.now)
        stronger = names[:1] if kind is Kind.SUSTAINED else names[: names.index(kind) + 1]
        earliest = min(ahead.now[each].earliest_onset for each in stronger)
        # A season that has begun since `start` may still become sustained.
        if self._pending(question):
            return None
        # An onset on the last day counts: strict.
        if earliest > question.end:
            quiet = next(iter(ahead.definitions.values())).quiet_days
            return f"an onset needs {quiet} quiet days before it: none before {earliest:%Y-%m-%d}"
        return None

    def _pending(self, question: Question) -> bool:
        """Return whether a season that began since `start` may still become sustained."""
        if question.kind is not Kind.SUSTAINED:
            return False
        highest = next(iter(self.ahead.definitions))
        definition = self.ahead.definitions[highest]
        return any(
            each.onset >= question.start and each.sustained(definition) is None
            for each in self.ahead.now[highest].seasons
        )

    def _chance(self, question: Question) -> tuple[float, float, float] | None:
        """Return the probability of an onset in a window that lies ahead, and its interval."""
        ahead, (kind, _, start, end) = self.ahead, question
        days = (end - ahead.as_of).days
        whole = start <= ahead.as_of + DAY
        at_risk = kind is not Kind.SUSTAINED and ahead.now[kind].at_risk
        near = days <= NEAR_DAYS if ahead.renewals is not None else days <= LIMIT_DAYS
        if whole and at_risk and near:
            values = ahead.leads[kind].probabilities([days], at_risk=np.array([True]))
            return tuple(float(each[0, 0]) for each in values[:3])  # type: ignore[return-value]
        if ahead.renewals is None:
            return None
        if whole and at_risk:
            low, high = exact_interval(self.redrawn[kind][days - 1], LEVEL)
            return float(self.exact[kind][days - 1].mean()), float(low), float(high)
        return self._counted_window(question)

    def _counted_window(self, question: Question) -> tuple[float, float, float]:
        days = self._window_days(question)
        wait = self._wait(question)
        if self._pending(question):
            comes = (wait.first < days) | pending(self.paths, question.start)
            return _counted(comes, self.paths)
        low, high = wait.bounds(days - 1)
        return float(wait.by_day[days - 1]), float(low), float(high)

    def _wait(self, question: Question) -> Waiting:
        """Return the wait from a window's first day, as far as the paths reach."""
        tomorrow = self.ahead.as_of + DAY
        first = (max(question.start, tomorrow) - tomorrow).days
        if first not in self._waits:
            self._waits[first] = waiting_times(self.paths, first, self.reach - 1, LEVEL)
        return self._waits[first][question.kind]

    def _window_days(self, question: Question) -> int:
        tomorrow = self.ahead.as_of + DAY
        return (question.end - max(question.start, tomorrow)).days + 1

    def _base_of_onset(self, question: Question) -> tuple[float | None, State | None]:
        """Return the candidate `climatology` at risk, else the share of past windows."""
        ahead, (kind, _, start, end) = self.ahead, question
        at_risk = kind is not Kind.SUSTAINED and ahead.base.state(kind) is State.AT_RISK
        if at_risk and start <= ahead.as_of + DAY:
            return continued(ahead.leads[kind].climatology[0], (end - ahead.as_of).days), (
                State.AT_RISK
            )
        return ahead.base.share(question)

    def _counted_row(self, question: Question, comes: BoolArray) -> Answer:
        base, state = self.ahead.base.share(question)
        probability, low, high = _counted(comes, self.paths)
        return self._row(
            question, probability=probability, low=low, high=high, base_rate=base,
            base_state=state,
        )  # fmt: skip

    def _stands(self, question: Question) -> Answer:
        if self.ahead.renewals is None:
            return self._row(question, reason="no season had ended yet")
        day = (question.end - self.ahead.as_of).days - 1
        return self._counted_row(question, self.paths.in_season[question.kind][day])

    def _lasts(self, question: Question) -> Answer:
        kind = question.kind
        if self.ahead.now[kind].current is None or self.ahead.renewals is None:
            return self._row(question, reason="no season stands")
        # `over` is the last of the quiet days: the last day at the threshold came that many before.
        last = self.paths.over[kind] - self.ahead.definitions[kind].quiet_days
        # Day 0 is the first after as_of: a day at the threshold on `end` or later.
        return self._counted_row(question, last >= (question.end - self.ahead.as_of).days - 1)

    def _days(self, question: Question) -> Answer:
        if self.ahead.renewals is None:
            return self._row(question, reason="no season had ended yet")
        seen = self.ahead.now[question.kind].days_in_season(question.start)
        last = (question.end - self.ahead.as_of).days
        first = last - self._window_days(question)
        days = seen + self.paths.in_season[question.kind][first:last].sum(axis=0)
        values = np.quantile(days, QUANTILES, method="inverted_cdf").tolist()
        return self._row(
            question, mean=float(days.mean()), seen=seen, probability=float((days > 0).mean()),
            quantiles={f"{level:g}": value for level, value in zip(QUANTILES, values, strict=True)},
        )  # fmt: skip

    def _first(self, question: Question) -> Answer:
        """Return days ahead by which the first onset has come with each probability."""
        if self.ahead.renewals is None or self._impossible(question) is not None:
            return self._row(question, reason=self._impossible(question) or "no season had ended")
        by_day = self._wait(question).by_day[: self._window_days(question)]
        offset = (question.end - self.ahead.as_of).days - len(by_day)
        reached = [np.flatnonzero(by_day >= level) for level in QUANTILES]
        return self._row(
            question, probability=float(by_day[-1]),
            quantiles={
                f"{level:g}": float(offset + each[0] + 1) if each.size else None
                for level, each in zip(QUANTILES, reached, strict=True)
            },
        )  # fmt: skip


def fitted_renewals(
    index: pd.Series, forecaster: Forecaster, as_of: pd.Timestamp
) -> Renewals | None:
    """Fit the process of each kind to what had resolved by the end of a training, or by a day.

    None where no season of a kind was over by then: there is nothing to learn from.
    """
    until = min(forecaster.evidence.trained_until, as_of)
    definition = forecaster.evidence.definition
    by_threshold = sorted(forecaster.thresholds.items(), key=lambda each: -each[1])
    try:
        return {
            kind: fit_renewal(index, until=until, definition=definition.at(threshold))
            for kind, threshold in by_threshold
        }
    except ValueError:
        return None


def continued(climatology: FloatArray, days: int) -> float:
    """Return the base rate of an onset within any number of days, from probabilities per lead.

    Beyond the last lead its hazard goes on.
    """
    if days <= LIMIT_DAYS:
        return float(incidence(climatology, [days])[0])
    before, at_end = 1 - incidence(climatology, [LIMIT_DAYS - LEAD_DAYS, LIMIT_DAYS])
    return float(1 - at_end * (at_end / before) ** ((days - LIMIT_DAYS) / LEAD_DAYS))


def _counted(comes: BoolArray, paths: Paths) -> tuple[float, float, float]:
    """Return the share of paths and its credible interval, which holds it to the last bit."""
    share = float(comes.mean())
    low, high = credible_interval(comes, paths.groups, LEVEL)
    return share, min(float(low), share), max(float(high), share)
