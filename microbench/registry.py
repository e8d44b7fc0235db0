"""Named things of one kind (blocks, interactions, runtimes), each declared in the file that defines it."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import warnings
from dataclasses import dataclass
from typing import Any, Callable, Generic, Iterable, Sequence, TypeVar

from microbench import plugins
from microbench.errors import InputError, one_of

T = TypeVar("T")
Maker = TypeVar("Maker", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What is typed on command lines and becomes the name of files."""


@dataclass(frozen=True)
class Takes:
    """The contract of a class or function that is called with certain arguments."""

    arguments: tuple[str, ...]

    def recognises(self, thing: Any) -> bool:
        """Whether `thing` declares all of these arguments by name."""
        return self.refusal(thing) is None and set(self.arguments) <= set(inspect.signature(thing).parameters)

    def refusal(self, thing: Any) -> str | None:
        """Why `thing` cannot be called with these arguments, or None if it can."""
        try:
            if callable(thing):
                inspect.signature(thing).bind(**dict.fromkeys(self.arguments))
                return None
        except (TypeError, ValueError):
            pass
        return f"must be {self.wanted}"

    @property
    def wanted(self) -> str:
        """The contract in words."""
        return f"a class or function that takes {', '.join(self.arguments)}"


@dataclass(frozen=True)
class Extends:
    """The contract of a class that derives from `base` and says certain things about itself."""

    base: type
    attributes: tuple[str, ...] = ("name",)

    def recognises(self, thing: Any) -> bool:
        """Whether `thing` is a class of this kind."""
        return inspect.isclass(thing) and issubclass(thing, self.base)

    def refusal(self, thing: Any) -> str | None:
        """Why `thing` is not such a class, or None if it is."""
        if not self.recognises(thing):
            return f"must be {self.wanted}"
        missing = [attribute for attribute in self.attributes if not hasattr(thing, attribute)]
        missing += sorted(getattr(thing, "__abstractmethods__", ()))
        return f"must define {', '.join(missing)}" if missing else None

    @property
    def wanted(self) -> str:
        """The contract in words."""
        return f"a class that derives from {self.base.__module__}.{self.base.__qualname__}"


class Registry(Generic[T]):
    """The constructors of one kind of thing, by name, in the order in which they were registered.

    Those of this project register themselves by the decorator `register`. Those of installed packages are found by
    their entry points, and those of a user's file by `microbench.plugins`, the first time that a name is asked for
    which this project does not have, or that all names are.
    """

    def __init__(self, kind: str, group: str, contract: Takes | Extends) -> None:
        """Make an empty registry.

        Args:
            kind: the word that error messages use, e.g. "block".
            group: of installed packages' entry points, e.g. "microbench.blocks".
            contract: what each constructor must be.
        """
        self.kind = kind
        self.group = group
        self.contract = contract
        self._makers: dict[str, Callable[..., T]] = {}
        self._searched: set[tuple[str, ...]] = set()
        """What of others' code was looked at: entry points, once, and each import that was asked for."""

    def register(self, name: str) -> Callable[[Maker], Maker]:
        """Decorator: make a class or function available under `name`.

        Raises:
            InputError: the name is not one, or taken by another class, or the class is of another kind.
        """

        def declare(maker: Maker) -> Maker:
            self.add(name, maker)
            return maker

        return declare

    def add(self, name: str, maker: Any) -> None:
        """Make `maker` available under `name`; see `register`."""
        if not _NAME.fullmatch(name):
            raise InputError(f"{self.kind} {name!r} must have a name of letters, digits and any of '_.-'.")
        refusal = self.contract.refusal(maker)
        if refusal is not None:
            raise InputError(f"{self.kind} {name!r} {refusal}, not {_described(maker)}.")
        declared = getattr(maker, "name", name)
        if isinstance(declared, str) and declared != name:
            raise InputError(f"{self.kind} {name!r} must be registered under the name that it has, {declared!r}.")
        taken = self._makers.get(name)
        # A notebook cell that is run again defines the same class anew: that is no clash.
        if taken is not None and _described(taken) != _described(maker):
            raise InputError(f"{self.kind} {name!r} is already registered by {_described(taken)}.")
        self._makers[name] = maker

    def discover(self, package: str, path: Iterable[str]) -> tuple[str, ...]:
        """Import every module of `package`, so that a new file registers itself by being there.

        Returns:
            The names of what this project has.
        """
        for module in pkgutil.iter_modules(path):
            importlib.import_module(f"{package}.{module.name}")
        return tuple(self._makers)

    @property
    def names(self) -> tuple[str, ...]:
        """All registered names."""
        self._search()
        return tuple(self._makers)

    def ordered(self, first: Sequence[str]) -> tuple[str, ...]:
        """All registered names: `first`, then the others sorted."""
        return (*first, *sorted(set(self.names) - set(first)))

    def __contains__(self, name: str) -> bool:
        # Others' code is not imported for a name that this project has.
        return name in self._makers or name in self.names

    def get(self, name: str) -> Callable[..., T]:
        """The constructor called `name`.

        Raises:
            InputError: no such name.
        """
        if name not in self:
            raise one_of(self.kind, name, self._makers)
        return self._makers[name]

    def options(self, name: str) -> tuple[str, ...]:
        """The names of the keyword-only options that the constructor called `name` takes."""
        parameters = inspect.signature(self.get(name)).parameters.values()
        of_all = self.contract.arguments if isinstance(self.contract, Takes) else ()
        return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in of_all)

    def make(self, name: str, *arguments: Any, **options: Any) -> T:
        """Construct the thing called `name`.

        Args:
            name: one of `names`.
            *arguments: those of the contract, in its order.
            **options: the thing's own keyword-only options.

        Raises:
            InputError: no such name, or an option that it does not take.
        """
        maker = self.get(name)
        allowed = self.options(name)
        for option in options:
            if option not in allowed:
                raise one_of(f"option of {self.kind} {name!r}", option, allowed or ("none",))
        if isinstance(self.contract, Takes):
            # By name, as the contract says nothing of their order.
            return maker(**dict(zip(self.contract.arguments, arguments)), **options)
        return maker(*arguments, **options)

    def load(self, plugin: plugins.Plugin) -> None:
        """Import and register one plugin of this registry's group; whatever goes wrong is raised."""
        self.add(plugin.name, plugin.load())

    def search_imports(self) -> None:
        """Register what a user asked to import, as far as it is of this kind.

        Raises:
            InputError: it cannot be imported or registered.
        """
        for text in plugins.requested():
            if self._is_new("import", text):
                thing = plugins.imported(text)
                if thing is not None and self.contract.recognises(thing):
                    self.add(plugins.own_name(thing), thing)

    def _search(self) -> None:
        """Register what others bring, as far as that was not done yet."""
        self.search_imports()
        for plugin in plugins.installed(self.group):
            if self._is_new(plugin.distribution, plugin.name):
                try:
                    self.load(plugin)
                # The code is a stranger's: it may raise anything, and takes nothing but itself with it.
                except (Exception, SystemExit) as error:
                    warnings.warn(plugin.left_out(error), plugins.PluginWarning, stacklevel=2)

    def _is_new(self, *what: str) -> bool:
        is_new = what not in self._searched
        # Noted before it is imported: a plugin may ask for all names while it is.
        self._searched.add(what)
        return is_new


def late_names(module: str, names: Callable[[], tuple[str, ...]]) -> Callable[[str], Any]:
    """A module's `__getattr__` that looks NAMES up when asked for it, so that others' names are in it too."""

    def get_attribute(attribute: str) -> Any:
        if attribute == "NAMES":
            return names()
        raise AttributeError(f"module {module!r} has no attribute {attribute!r}")

    return get_attribute


def _described(maker: Any) -> str:
    """Where a class or function is defined; of anything else, what it is."""
    if isinstance(maker, functools.partial):
        return _described(maker.func)
    if hasattr(maker, "__qualname__"):
        return f"{maker.__module__}:{maker.__qualname__}"
    return f"a {type(maker).__name__}"
