"""Options in groups: one dataclass stands for several options of a command.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import typer

from features.terminal import message_of


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each parameter whose type is a dataclass, in its place.

    A group's fields are annotated as typer wants options to be. What it
    refuses in `__post_init__` is refused before the command runs.
    """
    own = inspect.signature(command, eval_str=True)
    groups: dict[str, type[Any]] = {
        name: parameter.annotation
        for name, parameter in own.parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }

    @functools.wraps(command)
    def grouped(**values: Any) -> None:
        try:
            chosen = {
                name: group(**{option.name: values.pop(option.name) for option in fields(group)})
                for name, group in groups.items()
            }
        except OSError as error:  # of a path that cannot be one
            raise typer.BadParameter(message_of(error)) from error
        command(**values, **chosen)

    vars(grouped)["__signature__"] = own.replace(parameters=_expanded(own, groups))
    return grouped


def _expanded(own: inspect.Signature, groups: Mapping[str, type[Any]]) -> list[inspect.Parameter]:
    """Return the parameters of a command with each group's options in the group's place."""
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        if name not in groups:
            parameters.append(parameter)
            continue
        hints = get_type_hints(groups[name], include_extras=True)
        parameters += [
            inspect.Parameter(
                option.name, parameter.kind, default=option.default, annotation=hints[option.name]
            )
            for option in fields(groups[name])
        ]
    return parameters
