from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write() -> Callable[[Path, object], Path]:
    """Writes 8-bit pixels, (H, W) or (H, W, 3), as an image file, and makes its folders."""

    def write_image(path: Path, pixels: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.array(pixels, dtype=np.uint8)).save(path)
        return path

    return write_image


@pytest.fixture(autouse=True)
def no_data_of_the_users(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The user's own folders are for the tests that ask for them."""
    if "real_camvid" not in request.fixturenames:
        for name in ("CAMVID", "CITYSCAPES", "BDD100K"):
            monkeypatch.delenv(f"MICROBENCH_{name}", raising=False)
