"""A git revision's models: the revision is checked out into a folder of its own, where the export command is run."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from microbench.errors import InputError
from microbench.gate.spawn import last_line

DEFAULT_EXPORT = "{python} -m microbench bundle figure4 --out {out}"
"""Of this project itself."""
_LONGEST_EXPORT_S = 1800


@dataclass(frozen=True)
class RevisionExporter:
    """Exports the models of revisions of the repository that `project` lies in."""

    command: str = DEFAULT_EXPORT
    """Run by the shell in the revision's folder; {out} is the folder for its models, {python} the interpreter."""
    project: Path = field(default_factory=Path.cwd)
    pythons: Mapping[str, str] = field(default_factory=dict)
    """The interpreter by side, "base" or "head"; this one for a side that is not named."""

    def __post_init__(self) -> None:
        """Refuse a command that does not take the folder for the models."""
        if "{out}" not in self.command:
            raise InputError("export must contain {out}, which stands for the folder that the models are written to.")

    def export(self, role: str, revision: str, out: Path) -> str:
        """Write the models of `revision` to the folder `out`.

        The working tree and the index are not touched: the files come from the revision's archive, so that neither
        changes that are not committed nor files that git does not track are in them.

        Returns:
            The revision with its commit, for people.

        Raises:
            InputError: there is no such revision, or its export fails; with the last line that it printed.
        """
        commit = self._git(role, revision, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        name = commit.decode().strip()
        # The whole tree, although `project` may be a folder inside of it.
        top = Path(os.fsdecode(self._git(role, revision, "rev-parse", "--show-toplevel")).strip())
        archive = self._git(role, revision, "archive", "--format=tar", f"{name}:", cwd=top)
        checkout = out.with_name(f"{role}-checkout")
        with tarfile.open(fileobj=io.BytesIO(archive)) as file:
            file.extractall(checkout, filter="tar")
        inside = checkout / self.project.resolve().relative_to(top.resolve())
        if not inside.is_dir():
            raise InputError(f"{role} {revision!r} has no folder {str(inside.relative_to(checkout))!r}.")
        self._build(role, revision, inside, out)
        return f"{revision} ({name[:10]})"

    def _build(self, role: str, revision: str, folder: Path, out: Path) -> None:
        python = self.pythons.get(role, sys.executable)
        command = self.command.replace("{out}", shlex.quote(str(out))).replace("{python}", shlex.quote(python))
        # The revision's own packages, not those of the working tree that may be installed here.
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            done = subprocess.run(
                command,
                shell=True,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONGEST_EXPORT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{role} {revision!r} was not exported within {_LONGEST_EXPORT_S} s.") from error
        if done.returncode != 0:
            line = last_line(done.stderr) or last_line(done.stdout) or "it printed nothing"
            raise InputError(
                f"{role} {revision!r} does not build: the export ended with code {done.returncode}: {line}"
            )
        if not out.is_dir():
            raise InputError(f"{role} {revision!r} does not build: the export wrote no folder {{out}}.")

    def _git(self, role: str, revision: str, *arguments: str, cwd: Path | None = None) -> bytes:
        try:
            done = subprocess.run(["git", *arguments], cwd=cwd or self.project, capture_output=True)
        except OSError as error:
            raise InputError(
                f"{role} {revision!r} is no file or folder, and git cannot be run to look further."
            ) from error
        if done.returncode != 0:
            line = last_line(done.stderr.decode(errors="replace"))
            raise InputError(
                f"{role} {revision!r} is no folder of .onnx files, no bundle and no git revision"
                + (f" ({line})." if line else ".")
            )
        return done.stdout
