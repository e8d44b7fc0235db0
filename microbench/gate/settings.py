"""A project's own settings of the gate: the table `[tool.microbench.gate]` of its pyproject.toml.

[tool.microbench.gate]
export = "python export.py {out}"       # how a git revision's models are built
models = ["encoder/*"]                  # the workloads to compare, as by --only
inputs = ["ids=1x128:int64[0,30000]"]   # as by --input
limit = 5                               # in percent, as by --limit
processes = 12                          # as by --processes
confirm = 12                            # as by --confirm
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from microbench.errors import InputError, one_of

FILE_NAME = "pyproject.toml"


@dataclass(frozen=True)
class GateSettings:
    """What a project settles for its gate; an option on the command line takes precedence."""

    export: str | None = None
    models: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    limit: float | None = None
    processes: int | None = None
    confirm: int | None = None

    def overridden(self, **options: Any) -> GateSettings:
        """These settings, with those that the command line gives in their place; None and () are not given."""
        return replace(self, **{name: value for name, value in options.items() if value not in (None, ())})


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "export": (str, "a text"),
    "models": (list, "a list of texts"),
    "inputs": (list, "a list of texts"),
    "limit": ((int, float), "a number"),
    "processes": (int, "an integer"),
    "confirm": (int, "an integer"),
}


def read_settings(folder: Path) -> GateSettings:
    """The settings of the project in `folder`; all of them open if it has none.

    Raises:
        InputError: its pyproject.toml cannot be read, or the table has an unknown key or a value of a wrong type.
    """
    path = folder / FILE_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except OSError as error:
        raise InputError(f"{FILE_NAME} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{FILE_NAME} is not a TOML file: {' '.join(str(error).split())}.") from error
    table: Any = document
    for key in ("tool", "microbench", "gate"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise InputError(f"{FILE_NAME}: {key} must be a table.")
    known = [field.name for field in fields(GateSettings)]
    for key in table:
        if key not in known:
            raise one_of(f"{FILE_NAME}: [tool.microbench.gate] key", key, known)
    return GateSettings(**{key: _checked(key, value) for key, value in table.items()})


def _checked(key: str, value: Any) -> Any:
    wanted, words = _TYPES[key]
    right = isinstance(value, wanted) and not isinstance(value, bool)
    if not right or (wanted is list and not all(isinstance(item, str) for item in value)):
        raise InputError(f"{FILE_NAME}: {key} in [tool.microbench.gate] must be {words}, not {value!r}.")
    return tuple(value) if wanted is list else value
