"""A git revision's models: the revision is checked out into a folder of its own, where the export command is run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from microbench.errors import InputError
from microbench.gate.process_group import last_line, run_in_group

_LONGEST_EXPORT_S = 1800.0


@dataclass
class RevisionExporter:
    """Exports the models of revisions of the repository that `project` lies in. Use as a context manager."""

    command: str | None = None
    """Run by the shell in the revision's folder; {out} is the folder for its models, {python} the interpreter."""
    project: Path = field(default_factory=Path.cwd)
    pythons: Mapping[str, str] = field(default_factory=dict)
    """The interpreter by side, "base" or "head"; this one for a side that is not named."""
    _checkouts: list[tuple[Path, Path]] = field(default_factory=list, init=False)
    """Each with the top folder of its repository."""

    def __post_init__(self) -> None:
        """Refuse a command that does not take the folder for the models."""
        if self.command is not None and "{out}" not in self.command:
            raise InputError("export must contain {out}, which stands for the folder that the models are written to.")

    def __enter__(self) -> RevisionExporter:
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the checkouts."""
        for top, checkout in self._checkouts:
            if _run_git(top, "worktree", "remove", "--force", "--force", str(checkout)).returncode != 0:
                # Stopped in the middle of a checkout: git forgets a worktree whose folder is gone.
                shutil.rmtree(checkout, ignore_errors=True)
                _run_git(top, "worktree", "remove", "--force", "--force", str(checkout))

    def export(self, role: str, revision: str, out: Path) -> str:
        """Write the models of `revision` to the folder `out`.

        The files are those of a worktree of the same repository: neither changes that are not committed nor files that
        git does not track are among them, and the user's own working tree and index stay as they are. Submodules that
        the repository has initialised are checked out too.

        Returns:
            The revision with its commit, for people.

        Raises:
            InputError: there is no such revision, no command, or the export fails; with the last line that it printed.
        """
        commit = self._commit(role, revision)
        if self.command is None:
            raise InputError(
                f"{role} {revision!r} is a git revision, and nothing says how its models are built; give --export, or "
                "export in the table [tool.microbench.gate] of pyproject.toml."
            )
        # The whole tree, although `project` may be a folder inside of it.
        top = Path(_run_git(self.project, "rev-parse", "--show-toplevel").stdout.strip())
        checkout = out.with_name(f"{role}-checkout")
        self._check_out(role, revision, commit, top, checkout)
        inside = checkout / self.project.resolve().relative_to(top.resolve())
        if not inside.is_dir():
            raise InputError(f"{role} {revision!r} has no folder {str(inside.relative_to(checkout))!r}.")
        self._build(role, revision, self.command, inside, out)
        return f"{revision} ({commit[:10]})"

    def _commit(self, role: str, revision: str) -> str:
        try:
            done = _run_git(self.project, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except OSError as error:
            raise InputError(
                f"{role} {revision!r} is no file or folder, and git cannot be run to look further."
            ) from error
        if done.returncode != 0:
            line = last_line(done.stderr)
            raise InputError(
                f"{role} {revision!r} is no folder of .onnx files, no bundle and no git revision"
                + (f" ({line})." if line else ".")
            )
        return done.stdout.strip()

    def _check_out(self, role: str, revision: str, commit: str, top: Path, checkout: Path) -> None:
        self._checkouts.append((top, checkout))
        steps: list[tuple[Path, tuple[str, ...]]] = [
            (top, ("worktree", "add", "--quiet", "--detach", "--force", str(checkout), commit))
        ]
        if (top / ".gitmodules").exists():
            nested = "git submodule update --quiet --init --recursive"
            steps += [
                (checkout, ("submodule", "update", "--quiet")),
                (checkout, ("submodule", "foreach", "--quiet", nested)),
            ]
        for folder, arguments in steps:
            done = _run_git(folder, *arguments)
            if done.returncode != 0:
                raise InputError(f"{role} {revision!r} cannot be checked out: {last_line(done.stderr)}")

    def _build(self, role: str, revision: str, template: str, folder: Path, out: Path) -> None:
        python = self.pythons.get(role, sys.executable)
        command = template.replace("{out}", shlex.quote(str(out))).replace("{python}", shlex.quote(python))
        # The revision's own packages, not those of the working tree that may be installed here.
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            done = run_in_group(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                timeout_s=_LONGEST_EXPORT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{role} {revision!r} was not exported within {_LONGEST_EXPORT_S:.0f} s.") from error
        if done.returncode != 0:
            line = last_line(done.stderr) or last_line(done.stdout) or "it printed nothing"
            raise InputError(
                f"{role} {revision!r} does not build: the export ended with code {done.returncode}: {line}"
            )
        if not out.is_dir():
            raise InputError(f"{role} {revision!r} does not build: the export wrote no folder {{out}}.")


def _run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Hooks of the user's repository are for the user's working tree; a password cannot be typed here.
    return subprocess.run(
        ["git", "-c", f"core.hooksPath={os.devnull}", *arguments],
        cwd=folder,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
