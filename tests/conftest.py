"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real and hostile image files, or skip."""
    folder = Path(os.environ.get("IMGFIND_TEST_DATA", REPOSITORY.parent / "shared"))
    if not (folder / "photos").is_dir():
        pytest.skip("needs real photographs: set IMGFIND_TEST_DATA to a folder that holds photos/ and hostile/")
    return folder


@pytest.fixture(scope="session")
def skimage_photos() -> Path:
    """Return the folder of the photographs bundled with scikit-image."""
    import skimage

    return Path(skimage.__file__).parent / "data"
