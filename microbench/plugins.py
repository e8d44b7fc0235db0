"""Other people's code: what installed packages declare as entry points, and what a user asks to import.

Nothing is imported until a registry needs it: the declarations are read from the packages' metadata.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microbench.errors import InputError

VARIABLE = "MICROBENCH_IMPORT"
"""Environment variable with what to import, separated by commas: child processes import what their parent did."""

_SEPARATOR = ","
_GROUPS = "microbench."
_ENTRY_POINTS = "entry_points.txt"
_IMPORT = re.compile(r"(?P<source>.+?)(?::(?P<attribute>[A-Za-z_]\w*))?")

_imported: dict[str, Any] = {}
"""By the text that asked for it: the object that it names, or None for a whole file or module."""


class PluginWarning(UserWarning):
    """A plugin of an installed package cannot be used; everything else works."""


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed package, as the package's metadata declares it."""

    group: str
    """Such as "microbench.blocks"."""
    name: str
    """What it is registered under."""
    value: str
    """Where it is: "module:Class"."""
    distribution: str
    """The installed package's name and version."""

    def load(self) -> Any:
        """Import the object; whatever its module raises comes through."""
        return importlib.metadata.EntryPoint(self.name, self.value, self.group).load()

    def left_out(self, error: BaseException) -> str:
        """The sentence that says why this plugin is not used."""
        return f"entry point {self.name!r} of {self.distribution} ({self.group}) is left out: {reason(error)}"


def installed(group: str | None = None) -> tuple[Plugin, ...]:
    """The plugins that installed packages declare, in one group or in all; read from metadata alone."""
    return tuple(plugin for plugin in _declared(tuple(sys.path)) if group in (None, plugin.group))


def requested() -> tuple[str, ...]:
    """What this process and those that it starts are asked to import."""
    return tuple(text for text in os.environ.get(VARIABLE, "").split(_SEPARATOR) if text)


def request(text: str) -> Any:
    """Import a file or a module, in this process now and in those that it starts.

    Args:
        text: a file that registers by decorators ("my_blocks.py"), a module that does ("package.module"), or one class
            or function in either ("package.module:Name"), which is registered under its own name.

    Returns:
        The class or function, or None where a whole file or module was imported.

    Raises:
        InputError: it cannot be imported, or its name contains a comma.
    """
    if not text or _SEPARATOR in text:
        raise InputError(f"import must be a Python file, module or module:Name without a comma in it, not {text!r}.")
    source, attribute = _parts(text)
    if source.endswith(".py"):
        text = str(Path(source).absolute()) + (f":{attribute}" if attribute else "")
    thing = imported(text)
    if text not in requested():
        os.environ[VARIABLE] = _SEPARATOR.join((*requested(), text))
    return thing


def imported(text: str) -> Any:
    """Import what `text` names, once a process.

    Returns:
        The object, or None where `text` names a whole file or module.

    Raises:
        InputError: it cannot be imported.
    """
    if text not in _imported:
        source, attribute = _parts(text)
        try:
            module = _module_of(Path(source)) if source.endswith(".py") else importlib.import_module(source)
            _imported[text] = getattr(module, attribute) if attribute else None
        except InputError:
            raise
        # The file is the user's: it may raise anything.
        except (Exception, SystemExit) as error:
            raise InputError(f"import {text!r} failed: {reason(error)}") from error
    return _imported[text]


def own_name(thing: Any) -> str:
    """What a class or function calls itself: its attribute `name`, or else its own name in snake case.

    >>> class DilatedConv3x3: ...
    >>> own_name(DilatedConv3x3)
    'dilated_conv3x3'
    """
    declared = getattr(thing, "name", None)
    if isinstance(declared, str):
        return declared
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", thing.__name__).lower()


def reason(error: BaseException) -> str:
    """An error as the end of a sentence."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text.rstrip('.') or 'no message'}."


@functools.lru_cache(maxsize=4)
def _declared(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """All plugins on the module search path, of which a later change makes another call."""
    found: dict[tuple[str, str, str], Plugin] = {}
    for distribution in importlib.metadata.distributions():
        # Most packages declare nothing for us: their entry points are not parsed.
        if f"[{_GROUPS}" not in (distribution.read_text(_ENTRY_POINTS) or ""):
            continue
        package = distribution.metadata["Name"]
        for point in distribution.entry_points:
            # A package that lies on the search path twice is imported from its first place.
            if point.group.startswith(_GROUPS) and (package, point.group, point.name) not in found:
                found[package, point.group, point.name] = Plugin(
                    point.group, point.name, point.value, f"{package} {distribution.version}"
                )
    return tuple(found.values())


def _parts(text: str) -> tuple[str, str]:
    """The file or module, and the name in it or nothing."""
    match = _IMPORT.fullmatch(text)
    assert match is not None  # `text` is not empty, and its source may be anything
    return match["source"], match["attribute"] or ""


def _module_of(path: Path) -> Any:
    """The module of a user's file.

    It is importable by its name, and its folder is on the search path, as objects of its classes are pickled by that
    name for processes that are started afresh.
    """
    if not path.is_file():
        raise InputError(f"import {str(path)!r} is not a file.")
    name = path.stem
    if not name.isidentifier():
        raise InputError(f"import {str(path)!r} must have a name that Python can import, such as my_blocks.py.")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
        importlib.invalidate_caches()
    found = _origin(name)
    if found != path.resolve():
        raise InputError(f"import {str(path)!r} has the name of another module, {found}; rename the file.")
    return importlib.import_module(name)


def _origin(module: str) -> Path | str:
    """Where Python finds the module called so."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # __main__
        return module
    return Path(spec.origin).resolve() if spec is not None and spec.origin and spec.has_location else module
