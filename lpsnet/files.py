"""Files that are there whole or not at all."""

import os
import tempfile
from pathlib import Path

from microbench.errors import InputError


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file in one step: a run that is killed leaves the old file, or none, but never half of one.

    Raises:
        InputError: the file cannot be written there.
    """
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as unfinished:
            unfinished.write(content)
        # A temporary file is its owner's alone; this one gets the permissions that any new file would.
        umask = os.umask(0)
        os.umask(umask)
        Path(unfinished.name).chmod(0o666 & ~umask)
        Path(unfinished.name).replace(target)
    except OSError as error:
        raise InputError(f"file {str(path)!r} cannot be written: {error.strerror}.") from error
