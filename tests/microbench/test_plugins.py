"""Other people's blocks and the like: found in installed packages, and imported where a user asks for it."""

import os
import pickle
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import run_python

from microbench import plugins
from microbench.errors import InputError
from microbench.registry import Extends, Registry, Takes

Install = Callable[..., Path]


class Tool:
    """What the registry of these tests holds."""

    name: str
    weight_kg: float

    def use(self) -> str:
        return self.name


@pytest.fixture(autouse=True)
def nothing_stays_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(plugins, "_imported", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package on the search path: a module, and the metadata that pip would leave beside it."""

    def add(package: str, code: str, entry_points: dict[str, str], group: str = "microbench.tools") -> Path:
        site = tmp_path / f"site-{package}"
        metadata = site / f"{package}-1.2.dist-info"
        metadata.mkdir(parents=True)
        (site / f"{package}.py").write_text(textwrap.dedent(code))
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entry_points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(site))
        return site

    return add


@pytest.fixture
def tools() -> Registry[Tool]:
    registry: Registry[Tool] = Registry("tool", "microbench.tools", Takes(("size_mm",)))

    @registry.register("hammer")
    class Hammer(Tool):
        def __init__(self, size_mm: int, *, handle: str = "ash") -> None:
            self.size_mm, self.handle = size_mm, handle

    return registry


SAW = """
    class Saw:
        def __init__(self, size_mm, *, teeth=20):
            self.size_mm, self.teeth = size_mm, teeth
"""


def warnings_of(registry: Registry[Tool]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert "hammer" in registry.names
    return [str(warning.message) for warning in caught if warning.category is plugins.PluginWarning]


def test_an_installed_class_is_listed_and_made_with_its_options(install: Install, tools: Registry[Tool]) -> None:
    install("sawmill", SAW, {"saw": "sawmill:Saw"})
    assert tools.names == ("hammer", "saw")
    assert tools.options("saw") == ("teeth",)
    assert vars(tools.make("saw", 300, teeth=8)) == {"size_mm": 300, "teeth": 8}


def test_what_is_declared_is_read_without_importing_it(install: Install) -> None:
    install("sawmill", "raise RuntimeError('imported')", {"saw": "sawmill:Saw"})
    assert plugins.installed("microbench.tools") == (
        plugins.Plugin("microbench.tools", "saw", "sawmill:Saw", "sawmill 1.2"),
    )
    assert "sawmill" not in sys.modules


def test_packages_are_left_alone_until_a_name_is_asked_for_that_is_not_there(
    install: Install, tools: Registry[Tool]
) -> None:
    install("sawmill", SAW, {"saw": "sawmill:Saw"})
    assert tools.make("hammer", 20)
    assert "sawmill" not in sys.modules
    assert "saw" in tools
    assert "sawmill" in sys.modules


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("import nothing_of_the_kind", "broken:Saw", "ModuleNotFoundError: No module named 'nothing_of_the_kind'."),
        ("1 / 0", "broken:Saw", "ZeroDivisionError: division by zero."),
        ("import sys; sys.exit(3)", "broken:Saw", "SystemExit: 3."),
        ("def broken(:", "broken:Saw", "SyntaxError: "),
        ("", "broken:Saw", "AttributeError: module 'broken' has no attribute 'Saw'."),
        ("Saw = 'sharp'", "broken:Saw", "must be a class or function that takes size_mm, not a str."),
        ("class Saw: pass", "broken:Saw", "must be a class or function that takes size_mm, not broken:Saw."),
        ("def Saw(size_mm, teeth): pass", "broken:Saw", "must be a class or function that takes size_mm"),
        ("class Saw:\n  name = 'jigsaw'\n  def __init__(self, size_mm): pass", "broken:Saw", "that it has, 'jigsaw'."),
    ],
)
def test_a_broken_plugin_is_named_in_one_sentence_and_disables_itself_alone(
    install: Install, tools: Registry[Tool], code: str, value: str, why: str
) -> None:
    install("sawmill", SAW, {"saw": "sawmill:Saw"})
    install("broken", textwrap.dedent(code), {"bad": value})
    (sentence,) = warnings_of(tools)
    assert sentence.startswith("entry point 'bad' of broken 1.2 (microbench.tools) is left out: ")
    assert why in sentence
    assert "\n" not in sentence
    assert tools.names == ("hammer", "saw")
    assert warnings_of(tools) == []  # once is enough


def test_a_name_that_is_taken_keeps_its_first_class(install: Install, tools: Registry[Tool]) -> None:
    install("sawmill", SAW.replace("Saw", "Hammer"), {"hammer": "sawmill:Hammer"})
    (sentence,) = warnings_of(tools)
    assert "tool 'hammer' is already registered by " in sentence
    assert "tools.<locals>.Hammer" in sentence
    assert tools.make("hammer", 20).handle == "ash"  # type: ignore[attr-defined]


def test_a_name_that_cannot_be_typed_on_a_command_line_is_refused(install: Install, tools: Registry[Tool]) -> None:
    install("sawmill", SAW, {"band saw": "sawmill:Saw"})
    (sentence,) = warnings_of(tools)
    assert "'band saw' must have a name of letters, digits" in sentence


@pytest.mark.subprocess
@pytest.mark.subprocess
def test_a_plugin_may_ask_for_all_names_while_it_is_imported(install: Install) -> None:
    code = """
        from microbench.runtimes.base import RUNTIMES, Runtime
        assert "onnxruntime" in RUNTIMES.names
        class Engine(Runtime):
            name, distributions, module, precisions, install = "engine", ("x",), "x", {"cpu": ("fp32",)}, "buy it"
            def load(self, workload, configuration, inputs): return None
    """
    site = install("engines", code, {"engine": "engines:Engine"}, "microbench.runtimes")
    program = "from microbench import runtimes; print(*runtimes.names())"
    assert "engine" in in_another_process(program, site).split()


def in_another_process(program: str, *folders: Path) -> str:
    """What the program prints, with these folders on the search path."""
    paths = os.pathsep.join(map(str, (*folders, Path(plugins.__file__).parents[1])))
    done = run_python("-c", program, environment={"PYTHONPATH": paths})
    assert done.code == 0, done.err
    return done.out


def test_a_class_must_derive_from_the_base_and_say_what_is_asked() -> None:
    registry: Registry[Tool] = Registry("tool", "microbench.tools", Extends(Tool, ("name", "weight_kg")))
    with pytest.raises(InputError, match=r"must be a class that derives from .*Tool, not builtins:str"):
        registry.register("pliers")(str)

    class Pliers(Tool):
        name = "pliers"

    with pytest.raises(InputError, match="tool 'pliers' must define weight_kg"):
        registry.register("pliers")(Pliers)


@pytest.fixture
def my_tools(tmp_path: Path) -> Path:
    path = tmp_path / "my_saws.py"
    path.write_text(textwrap.dedent(SAW) + "\nSTRAY = 'neither class nor function'\n")
    return path


def test_a_class_of_a_users_file_is_registered_under_its_own_name(my_tools: Path, tools: Registry[Tool]) -> None:
    plugins.request(f"{my_tools}:Saw")
    assert tools.names == ("hammer", "saw")
    assert tools.make("saw", 300).size_mm == 300  # type: ignore[attr-defined]


def test_a_class_of_another_kind_is_no_business_of_a_registry(my_tools: Path) -> None:
    plugins.request(f"{my_tools}:Saw")
    others: Registry[Tool] = Registry("field", "microbench.fields", Takes(("acres",)))
    assert others.names == ()


def test_a_class_of_an_installed_module_is_registered_under_the_name_that_it_declares(
    install: Install, tools: Registry[Tool]
) -> None:
    install("sawmill", "class Saw:\n  name = 'fret'\n  def __init__(self, size_mm): pass", {})
    plugins.request("sawmill:Saw")
    assert tools.names == ("hammer", "fret")


@pytest.mark.parametrize(
    ("thing", "name"),
    [("Saw", "saw"), ("DilatedConv3x3", "dilated_conv3x3"), ("my_block", "my_block"), ("CBAM", "cbam")],
)
def test_a_class_without_a_name_is_called_after_itself_in_snake_case(thing: str, name: str) -> None:
    assert plugins.own_name(type(thing, (), {})) == name


@pytest.mark.subprocess
@pytest.mark.subprocess
def test_child_processes_import_what_their_parent_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_tools.py").write_text("print('imported in', __name__)")
    monkeypatch.chdir(tmp_path)
    plugins.request("my_tools.py")
    plugins.request("my_tools.py")
    assert plugins.requested() == (str(tmp_path / "my_tools.py"),)
    monkeypatch.chdir("/")
    program = "from microbench.runtimes.base import RUNTIMES; RUNTIMES.names"
    assert in_another_process(program) == "imported in my_tools\n"


@pytest.mark.subprocess
@pytest.mark.subprocess
def test_objects_of_an_imported_class_are_pickled_by_its_modules_name(my_tools: Path, tools: Registry[Tool]) -> None:
    plugins.request(f"{my_tools}:Saw")
    saw = tools.make("saw", 300)
    program = f"import pickle; print(vars(pickle.loads({pickle.dumps(saw)!r})))"
    assert in_another_process(program, my_tools.parent) == "{'size_mm': 300, 'teeth': 20}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nowhere.py", r"import .*nowhere\.py' is not a file\."),
        ("no_such_module", "import 'no_such_module' failed: ModuleNotFoundError: No module named 'no_such_module'."),
        ("json:Encoder", "import 'json:Encoder' failed: AttributeError: module 'json' has no attribute 'Encoder'."),
        ("my-tools.py", "must have a name that Python can import"),
        ("json.py", r"import .*json\.py' has the name of another module, .*json.__init__\.py; rename the file\."),
        ("sys.py", r"import .*sys\.py' has the name of another module, sys; rename the file\."),
        ("raises.py", r"import .*raises\.py' failed: ValueError: not today\."),
        ("a.py,b.py", "import must be a Python file, module or module:Name without a comma in it"),
        ("", "import must be a Python file"),
    ],
)
def test_what_cannot_be_imported_is_bad_input(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("my-tools", "json", "sys", "raises"):
        (tmp_path / f"{name}.py").write_text("raise ValueError('not\\ntoday.')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence):
        plugins.request(text)
    assert plugins.requested() == ()
