"""Options in groups: one dataclass stands for several options of a command.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from features.terminal import message_of
from models.cli.options import refuse_shared

# The panel of `--help` in which an option stands, by the name of its parameter.
_PANELS = {
    "Question": "as_of by start year on model threshold until horizons history since",
    "Data": "source data_dir universe flows",
    "Output": "json csv full plot report hindcast_out run_name experiment out curve",
    "Record": "record ledger alert no_promote reason hold",
    "Advanced": "offline refresh cache_dir tracking_uri deadline debug jobs seed quiet store "
    "scheduler backend version",
}
PANELS = {name: panel for panel, names in _PANELS.items() for name in names.split()}


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each parameter whose type is a dataclass, in its place.

    A group's fields are annotated as typer wants options to be. What it refuses in `__post_init__`
    is refused before the command runs, and so is one file that is named for two purposes.
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type[Any]] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }

    @functools.wraps(command)
    def grouped(**values: Any) -> None:
        try:
            refuse_shared(values)
            chosen = {
                name: group(**{option.name: values.pop(option.name) for option in fields(group)})
                for name, group in groups.items()
            }
        except OSError as error:  # of a path that cannot be one
            raise typer.BadParameter(message_of(error)) from error
        command(**values, **chosen)

    placed = [_in_panel(parameter) for parameter in _expanded(signature, groups)]
    order = [None, *_PANELS]
    placed.sort(key=lambda parameter: (parameter.kind, order.index(PANELS.get(parameter.name))))
    vars(grouped)["__signature__"] = signature.replace(parameters=placed)
    return grouped


def _expanded(
    signature: inspect.Signature, groups: Mapping[str, type[Any]]
) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a command with each group's options in the group's place."""
    for name, parameter in signature.parameters.items():
        if name not in groups:
            yield parameter
            continue
        hints = get_type_hints(groups[name], include_extras=True)
        for option in fields(groups[name]):
            yield inspect.Parameter(
                option.name, parameter.kind, default=option.default, annotation=hints[option.name]
            )


def _in_panel(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return an option with the panel of `--help` in which it stands."""
    kind, *notes = get_args(parameter.annotation) or [parameter.annotation]
    if parameter.name not in PANELS or not any(isinstance(note, OptionInfo) for note in notes):
        return parameter
    placed = [copy.copy(note) for note in notes]
    for note in placed:
        if isinstance(note, OptionInfo):
            note.rich_help_panel = PANELS[parameter.name]
    return parameter.replace(annotation=Annotated[kind, *placed])
