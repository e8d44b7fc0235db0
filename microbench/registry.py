"""Named things of one kind (blocks, interactions, runtimes), each declared in the file that defines it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any, Callable, Generic, Iterable, TypeVar

from microbench.errors import InputError, one_of

T = TypeVar("T")
Maker = TypeVar("Maker", bound=Callable[..., Any])


class Registry(Generic[T]):
    """The constructors of one kind of thing, by name, in the order in which they were registered."""

    def __init__(self, kind: str) -> None:
        """`kind` is the word that error messages use, e.g. "block"."""
        self._kind = kind
        self._makers: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Maker], Maker]:
        """Class decorator: make the class available under `name`.

        Raises:
            InputError: the name is taken by another class.
        """

        def declare(maker: Maker) -> Maker:
            taken = self._makers.get(name)
            # A notebook cell that is run again defines the same class anew: that is no clash.
            if taken is not None and taken.__qualname__ != maker.__qualname__:
                raise InputError(f"{self._kind} {name!r} is already registered by {taken.__qualname__}.")
            self._makers[name] = maker
            return maker

        return declare

    def discover(self, package: str, path: Iterable[str]) -> None:
        """Import every module of `package`, so that a new file registers itself by being there."""
        for module in pkgutil.iter_modules(path):
            importlib.import_module(f"{package}.{module.name}")

    @property
    def names(self) -> tuple[str, ...]:
        """All registered names."""
        return tuple(self._makers)

    def get(self, name: str) -> Callable[..., T]:
        """The constructor called `name`.

        Raises:
            InputError: no such name.
        """
        if name not in self._makers:
            raise one_of(self._kind, name, self._makers)
        return self._makers[name]

    def options(self, name: str) -> tuple[str, ...]:
        """The names of the keyword-only options that the constructor called `name` takes."""
        parameters = inspect.signature(self.get(name)).parameters.values()
        return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)

    def make(self, name: str, *arguments: Any, **options: Any) -> T:
        """Construct the thing called `name`.

        Raises:
            InputError: no such name, or an option that it does not take.
        """
        maker = self.get(name)
        allowed = self.options(name)
        for option in options:
            if option not in allowed:
                raise one_of(f"option of {self._kind} {name!r}", option, allowed or ("none",))
        return maker(*arguments, **options)
