"""All that other people's code can add to, by kind, and whether what they added works."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microbench import plugins
from microbench.errors import InputError
from microbench.registry import Registry


def registries() -> Iterator[Registry[Any]]:
    """The registry of each kind; what it needs is imported when it is its turn."""
    from microbench.runtimes.base import RUNTIMES

    yield RUNTIMES
    from blocks.registry import BLOCKS

    yield BLOCKS
    from interactions.registry import INTERACTIONS

    yield INTERACTIONS
    from lpsnet.registry import NETWORKS

    yield NETWORKS
    from lpsnet.data.registry import DATA_SETS

    yield DATA_SETS
    from microbench.experiments import EXPERIMENTS

    yield EXPERIMENTS


def import_code(text: str) -> None:
    """Import a user's file or module, or register one class or function of it.

    Args:
        text: see `microbench.plugins.request`. The kind of a class or function is known by its base class or by the
            arguments that it takes.

    Raises:
        InputError: it cannot be imported, its name is taken, or it is of no kind that can be registered.
    """
    thing = plugins.request(text)
    if thing is None:
        return
    for registry in registries():
        if registry.contract.recognises(thing):
            registry.search_imports()
            return
    kinds = "; ".join(f"a {registry.kind} is {registry.contract.wanted}" for registry in registries())
    raise InputError(f"import {text!r} is of no kind that can be registered: {kinds}.")


@dataclass(frozen=True)
class PluginState:
    """One entry point of an installed package."""

    group: str
    name: str
    value: str
    distribution: str
    works: bool | None
    """None where it was not loaded."""
    error: str | None
    """Why it is left out."""


def plugin_states(*, load: bool) -> tuple[PluginState, ...]:
    """The plugins that installed packages declare.

    Args:
        load: import each of them, to see whether it works; without it their metadata is read alone.
    """
    found = plugins.installed()
    errors = {plugin: _error(plugin) if load else None for plugin in found}
    return tuple(
        PluginState(p.group, p.name, p.value, p.distribution, (error is None) if load else None, error)
        for p, error in errors.items()
    )


def _error(plugin: plugins.Plugin) -> str | None:
    by_group = {registry.group: registry for registry in registries()}
    if plugin.group not in by_group:
        return plugin.left_out(InputError(f"the group must be one of {', '.join(by_group)}."))
    with warnings.catch_warnings():
        # It is reported here, and need not be reported twice.
        warnings.simplefilter("ignore", plugins.PluginWarning)
        try:
            by_group[plugin.group].load(plugin)
        except (Exception, SystemExit) as error:  # a stranger's code may raise anything
            return plugin.left_out(error)
    return None
