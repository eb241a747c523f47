"""Commands whose options are the fields of dataclasses, so that several commands can share them."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints


def takes(*sets: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let typer see each field of these dataclasses as an option; the command is given one of each.

    A field is annotated as a parameter would be: `host: Annotated[str, typer.Option("-h")] = "…"`.
    """

    def taking(command: Callable[..., None]) -> Callable[..., None]:
        parameters = [parameter for kind in sets for parameter in _parameters(kind)]

        def run(**given: Any) -> None:
            command(*(kind(**{each.name: given[each.name] for each in fields(kind)}) for kind in sets))

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return taking


def _parameters(kind: type) -> list[inspect.Parameter]:
    annotations = get_type_hints(kind, include_extras=True)
    return [_parameter(field, annotations[field.name]) for field in fields(kind)]


def _parameter(field: "Field[Any]", annotation: Any) -> inspect.Parameter:
    default = field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    if default is MISSING:
        default = inspect.Parameter.empty
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
