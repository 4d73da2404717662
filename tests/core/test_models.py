import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import imgfind
from imgfind.core import config
from imgfind.core.errors import ModelError
from imgfind.core.models import available_models, downloadable, find_model, fingerprint, stamp
from imgfind.core.presets import PRESETS, Preset
from imgfind.core.records import Preprocess

STANDARD = "ViT-B-32-256/datacomp_s34b_b86k"
STANDARD_HUB = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the models and the Hugging Face cache of this machine out of the tests; return the models folder."""
    monkeypatch.setattr(config, "models_folder", lambda: tmp_path / "kept")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "kept"


def write_model(folder: Path, **preprocess_cfg: object) -> Path:
    """Write a model folder that is complete, though its one tensor makes no network."""
    folder.mkdir(parents=True, exist_ok=True)
    model_cfg = {"embed_dim": 8, "vision_cfg": {"image_size": 32}, "text_cfg": {"context_length": 16}}
    write_config(folder, {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg})
    save_file({"weight": np.zeros(8, np.float16)}, folder / "open_clip_model.safetensors")
    return folder


def write_config(folder: Path, values: object) -> None:
    (folder / "open_clip_config.json").write_text(json.dumps(values), "utf-8")


def write_snapshot(cache: Path, repository: str) -> Path:
    entry = cache / f"models--{repository.replace('/', '--')}"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("0123abcd", "utf-8")
    return write_model(entry / "snapshots" / "0123abcd")


def error_of(name: str | Path) -> str:
    with pytest.raises(ModelError) as raised:
        find_model(str(name))
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_the_starter_is_described_by_its_configuration() -> None:
    starter = find_model("starter")

    assert (starter.name, starter.dim, starter.context_length) == ("starter", 256, 24)
    assert starter.merges is not None
    assert starter.merges.is_file()
    assert starter.preprocess == Preprocess(
        width_px=64,
        height_px=64,
        interpolation="bicubic",
        resize_mode="shortest",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    )


def test_what_the_configuration_leaves_out_is_open_clips_default(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    write_config(folder, {"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}}})

    model = find_model(str(folder))

    assert model.context_length == 77
    assert model.merges is None
    assert model.preprocess == Preprocess(
        width_px=224,
        height_px=224,
        interpolation="bicubic",
        resize_mode="shortest",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    )


def test_preprocessing_is_read_as_open_clip_reads_it(tmp_path: Path) -> None:
    folder = write_model(
        tmp_path / "model", size=[9, 9], mean=0.5, std=[0.1, 0.2, 0.3], interpolation="random", resize_mode="squash"
    )

    preprocess = find_model(str(folder)).preprocess

    # The size is the tower's own (create_model overwrites it), "random" means bicubic outside training.
    assert preprocess == Preprocess(32, 32, "bicubic", "squash", (0.5, 0.5, 0.5), (0.1, 0.2, 0.3))


def test_the_size_of_an_oblong_tower_is_height_then_width(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    write_config(folder, {"model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": [48, 32]}, "text_cfg": {}}})

    preprocess = find_model(str(folder)).preprocess

    assert (preprocess.width_px, preprocess.height_px) == (32, 48)


def test_a_folder_is_found_by_its_path_and_named_by_its_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "my model")
    monkeypatch.chdir(tmp_path)

    found = {
        find_model(name).name for name in ("my model", "./my model", "local-dir:my model", str(tmp_path / "my model"))
    }

    assert found == {str(tmp_path / "my model")}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are not Unicode")
def test_a_folder_whose_name_is_not_unicode_is_found(tmp_path: Path) -> None:
    folder = write_model(tmp_path / os.fsdecode(b"mod\xe8le"))

    model = find_model(str(folder))

    assert os.fsencode(model.name).endswith(b"mod\xe8le")
    assert len(fingerprint(model)) == 64


@pytest.mark.parametrize("name", [STANDARD, STANDARD.replace("/", ":"), STANDARD.lower(), "standard"])
def test_a_preset_in_the_models_folder_is_found_by_every_spelling(kept: Path, name: str) -> None:
    write_model(kept / STANDARD)

    assert find_model(name).name == STANDARD


def test_any_model_in_the_models_folder_is_found_by_its_sub_folder(kept: Path) -> None:
    write_model(kept / "RN50" / "yfcc15m")
    write_model(kept / "mine")

    assert find_model("RN50:yfcc15m").weights == kept / "RN50" / "yfcc15m" / "open_clip_model.safetensors"
    assert find_model("mine").name == "mine"


def test_the_models_folder_is_not_left_through_a_name(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "elsewhere")
    kept.mkdir()
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")

    assert "There is no model '../elsewhere'" in error_of("../elsewhere")


def test_a_preset_in_the_hugging_face_cache_is_found(tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "hub", STANDARD_HUB)

    assert find_model("standard").config.parent == snapshot
    assert find_model(f"hf-hub:{STANDARD_HUB}").config.parent == snapshot


def test_the_hugging_face_cache_is_where_its_documentation_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    write_snapshot(tmp_path / "home" / "hub", "org/model")
    assert find_model("hf-hub:org/model").name == "hf-hub:org/model"

    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    write_snapshot(tmp_path / "caches" / "huggingface" / "hub", "org/other")
    assert find_model("hf-hub:org/other").name == "hf-hub:org/other"


def test_what_lies_on_the_disk_is_listed_once_starter_first(kept: Path, tmp_path: Path) -> None:
    write_model(kept / "mine")
    write_model(kept / STANDARD)
    write_snapshot(tmp_path / "hub", STANDARD_HUB)
    write_snapshot(tmp_path / "hub", "org/model")
    (write_model(kept / "broken") / "open_clip_model.safetensors").write_bytes(b"")

    listed = [model.name for model in available_models()]

    assert listed == ["starter", "mine", STANDARD, "hf-hub:org/model"]
    assert [find_model(name).name for name in listed] == listed


def test_without_models_folder_and_cache_the_starter_is_listed_alone() -> None:
    assert [model.name for model in available_models()] == ["starter"]


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset.hub and preset.runnable])
def test_a_preset_that_is_not_there_says_how_to_get_it_and_where_to_put_it(preset: Preset, kept: Path) -> None:
    message = error_of(preset.title)
    assert f"imgfind models download {preset.title}" in message
    assert f"into {kept / preset.name}" in message


def test_a_preset_that_cannot_run_is_not_offered_for_download() -> None:
    assert error_of("multilingual").startswith("imgfind cannot run the model ViT-B-32-SigLIP2-256/webli yet")


def test_a_hub_model_that_is_not_there_says_how_to_get_it() -> None:
    assert "imgfind models download hf-hub:org/model" in error_of("hf-hub:org/model")


def test_a_downloaded_hub_model_is_found_by_its_address_and_by_its_name(kept: Path) -> None:
    write_model(kept / "org" / "model")

    assert find_model("hf-hub:org/model") == find_model("org/model")


def test_a_model_that_is_still_being_downloaded_is_not_listed(kept: Path) -> None:
    write_model(kept / "org" / "model.partial")

    assert [model.name for model in available_models()] == ["starter"]


@pytest.mark.parametrize("name", ["hf-hub:../../x", "hf-hub:org/..", "hf-hub:x", "hf-hub:a/b/c", "nobody/knows", ""])
def test_only_presets_and_repositories_can_be_downloaded(name: str) -> None:
    with pytest.raises(ModelError, match="no model"):
        downloadable(name)


def test_the_starter_needs_no_download() -> None:
    with pytest.raises(ModelError, match="part of imgfind"):
        downloadable("starter")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("startr", "starter"),
        ("ViT-B-32-256/datacomp", STANDARD),
        ("vit-l-14:datacomp_xl", "ViT-L-14/datacomp_xl_s13b_b90k"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(name: str, meant: str) -> None:
    message = error_of(name)

    assert f"There is no model '{name}'. Did you mean {meant}" in message
    assert message.endswith("On this disk: starter.")


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "~nobody-of-that-name/model", "/nowhere/at/all", "hf-hub:"])
def test_impossible_names_are_refused_like_unknown_ones(name: str) -> None:
    assert "model" in error_of(name)


def test_a_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    assert "it has no open_clip_config.json" in error_of(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "\xff\xfe", "[" * 100_000])
def test_a_configuration_that_is_not_json_is_damaged(tmp_path: Path, text: str) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "open_clip_config.json").write_text(text, "latin-1")

    assert "open_clip_config.json is damaged; restore it" in error_of(folder)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "no section 'model_cfg'"),
        ({}, "no section 'model_cfg'"),
        ({"model_cfg": {"embed_dim": 8, "vision_cfg": {}}}, "no section 'text_cfg'"),
        ({"model_cfg": {"embed_dim": 8, "vision_cfg": 3, "text_cfg": {}}}, "no section 'vision_cfg'"),
        ({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}}, "no 'embed_dim'"),
        ({"model_cfg": {"embed_dim": 0, "vision_cfg": {}, "text_cfg": {}}}, "0 where a whole number"),
        ({"model_cfg": {"embed_dim": "8", "vision_cfg": {}, "text_cfg": {}}}, "'8' where a whole number"),
        (
            {"model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": [1, 2, 3]}, "text_cfg": {}}},
            "a size of [1, 2, 3]",
        ),
        ({"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": [1]}, "is no section"),
    ],
)
def test_a_configuration_that_says_too_little_is_refused(tmp_path: Path, values: object, why: str) -> None:
    folder = write_model(tmp_path / "model")
    write_config(folder, values)

    message = error_of(folder)

    assert "not a usable open_clip configuration" in message
    assert why in message


@pytest.mark.parametrize(
    "preprocess_cfg",
    [
        {"mean": [0.5, 0.5]},
        {"mean": ["a", 0.5, 0.5]},
        {"std": [0.5, 0.0, 0.5]},
        {"std": {"r": 1}},
        {"interpolation": "lanczos"},
        {"resize_mode": "tile"},
        {"fill_color": 256},
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(tmp_path: Path, preprocess_cfg: dict[str, object]) -> None:
    assert "not a usable open_clip configuration" in error_of(write_model(tmp_path / "model", **preprocess_cfg))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "open_clip_model.safetensors").unlink()

    assert "holds no weights: it needs open_clip_model.safetensors" in error_of(folder)


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "model.pt"])
def test_pickles_are_refused(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "open_clip_model.safetensors").rename(folder / name)

    assert "only as a pickle" in error_of(folder)


def test_a_pickle_beside_safetensors_is_passed_over(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "open_clip_model.safetensors").rename(folder / "model.safetensors")

    assert find_model(str(folder)).weights.name == "model.safetensors"


@pytest.mark.parametrize("damage", ["empty", "cut short", "longer", "other bytes"])
def test_damaged_weights_are_found_without_reading_them(tmp_path: Path, damage: str) -> None:
    folder = write_model(tmp_path / "model")
    weights = folder / "open_clip_model.safetensors"
    content = weights.read_bytes()
    damaged = {"empty": b"", "cut short": content[:-1], "longer": content + b"\0", "other bytes": b"x" * len(content)}
    weights.write_bytes(damaged[damage])

    assert f"The model file {weights} is damaged; restore it" in error_of(folder)


@pytest.mark.parametrize(
    "model_cfg",
    [
        {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {"hf_tokenizer_name": "timm/ViT-B-32-SigLIP2-256"}},
        {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {"hf_model_name": "xlm-roberta-base"}},
        {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}, "multimodal_cfg": {}},
    ],
)
def test_models_that_cannot_run_yet_are_refused(tmp_path: Path, model_cfg: dict[str, object]) -> None:
    folder = write_model(tmp_path / "model")
    write_config(folder, {"model_cfg": model_cfg})

    assert "choose another" in error_of(folder)


def test_the_fingerprint_follows_every_file_of_the_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "bpe_merges.txt.gz").write_bytes(b"merges")
    seen = [fingerprint(find_model(str(folder)))]
    (folder / "README.md").write_text("does not count")
    assert fingerprint(find_model(str(folder))) == seen[0]

    (folder / "bpe_merges.txt.gz").write_bytes(b"Merges")
    seen.append(fingerprint(find_model(str(folder))))
    (folder / "bpe_merges.txt.gz").unlink()
    seen.append(fingerprint(find_model(str(folder))))
    save_file({"weight": np.ones(8, np.float16)}, folder / "open_clip_model.safetensors")
    seen.append(fingerprint(find_model(str(folder))))
    write_model(folder, mean=0.5)
    seen.append(fingerprint(find_model(str(folder))))

    assert len(set(seen)) == len(seen)


def test_a_copy_of_a_model_has_its_fingerprint_wherever_it_lies(tmp_path: Path) -> None:
    starter = find_model("starter")
    copy = shutil.copytree(starter.config.parent, tmp_path / "copy")

    assert fingerprint(find_model(str(copy))) == fingerprint(starter)


def test_the_stamp_changes_with_a_file(tmp_path: Path) -> None:
    model = find_model(str(write_model(tmp_path / "model")))
    before = stamp(model)
    assert stamp(model) == before

    os.utime(model.weights, ns=(1, 1))

    assert stamp(model) != before


def test_a_file_that_vanished_has_neither_fingerprint_nor_stamp(tmp_path: Path) -> None:
    model = find_model(str(write_model(tmp_path / "model")))
    model.weights.unlink()

    for read in (fingerprint, stamp):
        with pytest.raises(ModelError, match="cannot be read"):
            read(model)


def test_the_catalogue_needs_neither_torch_nor_the_hub_client() -> None:
    code = (
        "import sys; from imgfind.core.models import available_models; available_models();"
        "assert not {'torch', 'open_clip', 'huggingface_hub'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(imgfind.__file__).parents[1])
