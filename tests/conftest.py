"""Fixtures shared by all tests."""

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests import no_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgfind.core.library import Library
    from tests.command_line import CommandLine

REPOSITORY = Path(__file__).parent.parent

no_network.forbid()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's own library, configuration and models."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "IMGFIND_LIBRARY", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True, scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Path]":
    """Convert each model once for all tests and workers; their homes would have to do it each."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGFIND_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def no_network_but_loopback(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests marked ``loopback`` talk to a server of their own; tell all others' children that they are offline."""
    if request.node.get_closest_marker("loopback"):
        monkeypatch.setenv(no_network.LOOPBACK_ALLOWED, "1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        for name in ("IMGFIND_OFFLINE", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
    else:
        for name in ("IMGFIND_OFFLINE", "HF_HUB_OFFLINE"):
            monkeypatch.setenv(name, "1")


@pytest.fixture
def imgfind(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> "Iterator[CommandLine]":
    """Return a function that runs a command in this process, with the fake encoder: ``imgfind("search", "red")``."""
    from tests.command_line import CommandLine

    yield CommandLine(capsysbinary, monkeypatch)
    # What the command line sets up for its own process.
    logging.captureWarnings(False)
    for name in ("py.warnings", "PIL"):
        logging.getLogger(name).setLevel(logging.NOTSET)


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


@pytest.fixture(scope="session")
def starter_library(tmp_path_factory: pytest.TempPathFactory, skimage_photos: Path) -> "Iterator[Library]":
    """Return a library of scikit-image's photographs, indexed with the built-in encoder; only to be searched."""
    from imgfind.core.library import Library

    with pytest.MonkeyPatch.context() as patch:
        # Session fixtures come before `own_home`.
        for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
            patch.setenv(name, str(tmp_path_factory.mktemp("home")))
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        # Half a second's work, so every pytest-xdist worker does it for itself.
        library = Library(tmp_path_factory.mktemp("starter-library"))
        library.index([str(skimage_photos)])
    with library:
        yield library


@pytest.fixture(scope="session")
def random_vit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with a ViT-B-32-256 of seeded random weights (float16, 300 MB), made once for all workers.

    pytest-xdist, "Making session-scoped fixtures execute only once".
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "random-vit"
    with FileLock(f"{folder}.lock"):
        if not (folder / "open_clip_config.json").exists():
            _write_random_vit(folder)
    return folder


def _write_random_vit(folder: Path) -> None:
    from imgfind.core.encode import torch_runtime

    torch_runtime.import_open_clip()
    import open_clip
    import torch
    from safetensors.torch import save_file

    model_cfg = open_clip.get_model_config("ViT-B-32-256")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = open_clip.CLIP(**model_cfg).half().state_dict()
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}), "utf-8")
