"""Models converted for ONNX Runtime: what they answer, where they are kept, and what happens where they cannot be."""

import builtins
import json
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgfind.core import encode
from imgfind.core.decode import model_input
from imgfind.core.encode import OnnxEncoder, TorchEncoder, load_encoder, onnx_export, torch_runtime
from imgfind.core.encode.onnx_export import LARGEST_DIFFERENCE
from imgfind.core.errors import ImgfindError
from imgfind.core.models import find_model
from imgfind.core.records import Encoder, ModelFiles, PixelArray

TEXTS = ["", "a dog", "two people on a red bicycle in the rain", "naïve 日本語 🐕", "word " * 100]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMGFIND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "towers"


@pytest.fixture
def starter() -> ModelFiles:
    return find_model("starter")


def by_torch(model: ModelFiles) -> TorchEncoder:
    return TorchEncoder(model, torch_runtime.load_network(model), torch_runtime.tokenizer(model), "cpu")


def real_pixels(test_data: Path, model: ModelFiles, count: int) -> PixelArray:
    photos = [
        *sorted((test_data / "photos" / "camera").iterdir()),
        *sorted((test_data / "photos").glob("clothing/*/*")),
    ]
    return np.stack([model_input(Image.open(photo).convert("RGB"), model.preprocess) for photo in photos[:count]])


def towers(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*.onnx"))


def test_its_vectors_are_torchs_own_on_real_photos_and_texts(starter: ModelFiles, test_data: Path) -> None:
    encoder, expected = load_encoder(starter, device="cpu"), by_torch(starter)
    pixels = real_pixels(test_data, starter, 60)

    assert isinstance(encoder, OnnxEncoder)
    np.testing.assert_allclose(encoder.encode_images(pixels), expected.encode_images(pixels), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected.encode_texts(TEXTS), atol=1e-5)


def test_a_vision_transformer_is_converted_too(random_vit_folder: Path, test_data: Path) -> None:
    model = find_model(str(random_vit_folder))
    encoder, expected = load_encoder(model, device="cpu"), by_torch(model)
    pixels = real_pixels(test_data, model, 4)

    assert isinstance(encoder, OnnxEncoder)
    np.testing.assert_allclose(encoder.encode_images(pixels), expected.encode_images(pixels), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected.encode_texts(TEXTS), atol=1e-5)


def test_a_model_is_converted_once(starter: ModelFiles, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_encoder(starter, device="cpu")
    (folder,) = own_cache.iterdir()
    assert towers(own_cache) == [f"{folder.name}/images.onnx", f"{folder.name}/texts.onnx"]

    monkeypatch.setattr(onnx_export, "export", lambda *_: pytest.fail("converted again"))
    monkeypatch.setattr(torch_runtime, "load_network", lambda *_: pytest.fail("loaded by torch"))

    assert load_encoder(starter, device="cpu").encode_texts(["a dog"]).shape == (1, 256)


def test_other_weights_and_other_versions_are_other_files(
    starter: ModelFiles, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_encoder(starter, device="cpu")
    copy = shutil.copytree(starter.config.parent, tmp_path / "model")
    config = copy / "open_clip_config.json"
    config.chmod(0o644)
    config.write_text(config.read_text("utf-8") + "\n", "utf-8")
    load_encoder(find_model(str(copy)), device="cpu")
    assert len(list(own_cache.iterdir())) == 2

    monkeypatch.setattr(torch_runtime, "versions", lambda: {"torch": "of tomorrow"})
    load_encoder(starter, device="cpu")
    assert len(list(own_cache.iterdir())) == 3


@pytest.mark.parametrize("damage", ["cut short", "missing", "no manifest", "odd manifest"])
def test_what_is_not_whole_is_made_anew(starter: ModelFiles, own_cache: Path, damage: str) -> None:
    load_encoder(starter, device="cpu")
    (folder,) = own_cache.iterdir()
    match damage:
        case "cut short":
            os.truncate(folder / "texts.onnx", 1000)
        case "missing":
            (folder / "images.onnx").unlink()
        case "no manifest":
            (folder / "manifest.json").unlink()
        case "odd manifest":
            (folder / "manifest.json").write_text("[1]", "utf-8")

    encoder = load_encoder(starter, device="cpu")

    assert isinstance(encoder, OnnxEncoder)
    assert encoder.encode_texts(["a dog"]).shape == (1, 256)
    assert encoder.encode_images(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 256)


def test_a_file_that_cannot_be_read_is_removed_and_the_next_time_made_anew(
    starter: ModelFiles, own_cache: Path
) -> None:
    load_encoder(starter, device="cpu")
    (file,) = own_cache.rglob("texts.onnx")
    file.write_bytes(bytes(file.stat().st_size))

    with pytest.raises(ImgfindError, match="removed and is made anew"):
        load_encoder(starter, device="cpu").encode_texts(["a dog"])

    assert load_encoder(starter, device="cpu").encode_texts(["a dog"]).shape == (1, 256)


def test_where_nothing_can_be_written_torch_goes_on_and_says_so(
    starter: ModelFiles, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_cache.parent.write_bytes(b"a file where the folder should be")

    with caplog.at_level(logging.WARNING, "imgfind"):
        encoder = load_encoder(starter, device="cpu")

    assert isinstance(encoder, TorchEncoder)
    assert "could not be converted to run faster" in caplog.text
    assert "IMGFIND_CACHE" in caplog.text


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_without_the_packages_torch_goes_on_and_says_so(
    starter: ModelFiles,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    import_ = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named '{name}'")
        return import_(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)

    with caplog.at_level(logging.WARNING, "imgfind"):
        encoder = load_encoder(starter, device="cpu")

    assert isinstance(encoder, TorchEncoder)
    assert f"No module named '{missing}'" in caplog.text
    assert not list(own_cache.rglob("manifest.json")), "it may be installed tomorrow"


def test_a_conversion_that_answers_something_else_is_not_used_and_not_tried_again(
    starter: ModelFiles, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def wrong(encoder: TorchEncoder, model: ModelFiles, folder: Path) -> None:
        tried.append(folder)
        right(encoder, model, folder)
        # From now on torch answers something else than what was converted.
        for parameter in encoder.network.transformer.parameters():
            parameter.data.mul_(1 + 100 * LARGEST_DIFFERENCE)

    right = onnx_export.export
    monkeypatch.setattr(onnx_export, "export", wrong)

    assert isinstance(load_encoder(starter, device="cpu"), TorchEncoder)
    assert isinstance(load_encoder(starter, device="cpu"), TorchEncoder)

    assert len(tried) == 1
    (manifest,) = own_cache.rglob("manifest.json")
    assert "vectors differ" in json.loads(manifest.read_text("utf-8"))["unusable"]
    assert towers(own_cache) == []

    os.utime(manifest, (0, 0))
    load_encoder(starter, device="cpu")
    assert len(tried) == 2, "after a week it may have what it lacked"


def test_what_another_process_converted_meanwhile_is_left_alone(
    starter: ModelFiles, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = onnx_export.export

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(onnx_export, "export", export)
        load_encoder(starter, device="cpu")
        export(*arguments)

    monkeypatch.setattr(onnx_export, "export", overtaken)
    load_encoder(starter, device="cpu")

    (folder,) = own_cache.iterdir()
    assert sorted(os.listdir(folder)) == ["images.onnx", "manifest.json", "texts.onnx"]


def test_what_was_not_used_for_long_is_removed_when_another_model_is_converted(
    starter: ModelFiles, own_cache: Path
) -> None:
    long_ago = time.time() - 100 * 24 * 3600
    for name in ("unused", "used", "given up.partial-x"):
        (own_cache / name).mkdir(parents=True)
        (own_cache / name / "manifest.json").write_text("{}", "utf-8")
    for name in ("unused", "given up.partial-x"):
        os.utime(own_cache / name / "manifest.json", (long_ago, long_ago))

    load_encoder(starter, device="cpu")

    assert {"unused", "given up.partial-x"} & set(os.listdir(own_cache)) == set()
    assert (own_cache / "used").is_dir()


def test_use_is_noted_so_that_it_is_not_taken_for_unused(starter: ModelFiles, own_cache: Path) -> None:
    load_encoder(starter, device="cpu")
    (manifest,) = own_cache.rglob("manifest.json")
    os.utime(manifest, (0, 0))

    load_encoder(starter, device="cpu")

    assert manifest.stat().st_mtime > 0


def test_no_device_is_asked_for_where_torch_knows_none(monkeypatch: pytest.MonkeyPatch, starter: ModelFiles) -> None:
    load_encoder(starter, device="cpu")
    monkeypatch.setattr(encode, "devices", lambda: pytest.fail("torch was asked"))
    monkeypatch.setattr(encode, "may_have_accelerator", lambda: False)

    encoder: Encoder = load_encoder(starter)

    assert encoder.device == "cpu"


@pytest.mark.parametrize(
    ("platform", "version", "expected"),
    [
        ("linux", "cuda: Optional[str] = None\nhip: Optional[str] = None\nxpu: Optional[str] = None", False),
        ("win32", "cuda: Optional[str] = None\nhip: Optional[str] = None\nxpu: Optional[str] = None", False),
        ("win32", "cuda: Optional[str] = '12.8'\nhip: Optional[str] = None", True),
        ("linux", "cuda = '12.8'\nhip = None", "NVIDIA"),
        ("linux", "cuda: Optional[str] = None\nhip: Optional[str] = '6.2'", True),
        ("linux", "cuda: Optional[str] = None\nxpu: Optional[str] = '2025'", True),
        ("darwin", "cuda: Optional[str] = None\nhip: Optional[str] = None", True),
        ("linux", "", True),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_torch_is_asked_for_its_devices_wherever_it_may_have_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, version: str, expected: object, there: bool
) -> None:
    device = tmp_path / "nvidiactl"
    if there:
        device.touch()
    monkeypatch.setattr(torch_runtime, "_NVIDIA_DEVICES", (str(device),))
    monkeypatch.setattr(torch_runtime, "_version_text", lambda _package: version)
    monkeypatch.setattr("sys.platform", platform)

    assert torch_runtime.may_have_accelerator() == (there if expected == "NVIDIA" else expected)


def test_the_versions_of_what_makes_the_vectors_are_known_without_importing_it() -> None:
    import open_clip
    import timm
    import torch

    assert torch_runtime.versions() == {
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
        "timm": timm.__version__,
    }
