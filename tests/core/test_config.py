"""Where things are, and what config.toml may say."""

import os
from pathlib import Path

import platformdirs
import pytest

from imgfind.core import config
from imgfind.core.config import Config, load_config, save_config
from imgfind.core.errors import ImgfindError


@pytest.fixture
def file(own_home: Path) -> Path:
    """Return the place of config.toml, which does not exist yet."""
    file = config.config_file()
    assert own_home in file.parents
    file.parent.mkdir(parents=True)
    return file


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config() == Config(device="auto", threads=0)


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    file.write_text("")
    assert load_config() == Config()


@pytest.mark.parametrize("device", config.DEVICES)
def test_every_device_can_be_chosen(file: Path, device: str) -> None:
    file.write_text(f'device = "{device}"\nthreads = 3\n')
    assert load_config() == Config(device, 3)


def test_another_file_can_be_named(file: Path, tmp_path: Path) -> None:
    file.write_text("threads = 1")
    (tmp_path / "other.toml").write_text("threads = 2")
    assert load_config(tmp_path / "other.toml").threads == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"device = ", "Cannot read "),
        (b"device = 'cpu\xff'", "Cannot read "),
        (b"[device]\n", "device must be one of auto, cpu, cuda, mps, xpu."),
        (b"device = 'gpu'", "device must be one of auto, cpu, cuda, mps, xpu."),
        (b"device = ['cpu']", "device must be one of "),
        (b"threads = -1", "threads must be a whole number, 0 for all cores."),
        (b"threads = 1.5", "threads must be a whole number"),
        (b"threads = true", "threads must be a whole number"),
        (b"threads = '4'", "threads must be a whole number"),
        (b"thread = 4", "holds the unknown setting 'thread'; only device and threads can be set."),
    ],
)
def test_a_mistake_is_told_with_the_name_of_the_file(file: Path, text: bytes, complaint: str) -> None:
    file.write_bytes(text)
    with pytest.raises(ImgfindError) as caught:
        load_config()
    assert str(file) in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ImgfindError, match=r"^Cannot read "):
        load_config()


def test_the_library_is_in_the_users_data_folder(own_home: Path) -> None:
    data = Path(platformdirs.user_data_dir("imgfind", appauthor=False))
    assert own_home in data.parents
    assert config.default_library() == data / "library"
    assert config.models_folder() == data / "models"


def test_the_environment_can_name_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path))
    assert config.default_library() == tmp_path


def test_an_empty_variable_names_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = config.default_library()
    monkeypatch.setenv("IMGFIND_LIBRARY", "")
    assert config.default_library() == usual


def test_the_resources_hold_the_built_in_encoder() -> None:
    starter = config.resources_folder() / "starter"
    assert (starter / "open_clip_config.json").is_file()
    assert (starter / "open_clip_model.safetensors").is_file()


def test_an_installed_package_brings_its_own_resources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "imgfind").mkdir()
    monkeypatch.setattr(config.resources, "files", lambda _package: tmp_path / "imgfind")
    assert config.resources_folder() == tmp_path / "resources"
    (tmp_path / "imgfind" / "resources").mkdir()
    assert config.resources_folder() == tmp_path / "imgfind" / "resources"


def test_no_more_cores_are_used_than_this_process_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 3, 5}, raising=False)
    assert config.usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert config.usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert config.usable_cores() == 1


@pytest.mark.parametrize(("value", "offline"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_environment_forbids_the_network(monkeypatch: pytest.MonkeyPatch, value: str | None, offline: bool) -> None:
    if value is None:
        monkeypatch.delenv("IMGFIND_OFFLINE", raising=False)
    else:
        monkeypatch.setenv("IMGFIND_OFFLINE", value)
    assert config.is_offline() is offline


def test_what_is_saved_is_read_back(file: Path) -> None:
    file.parent.rmdir()
    for saved in (Config("cpu", 3), Config()):
        save_config(saved)
        assert load_config() == saved
    assert os.listdir(file.parent) == [file.name]


def test_a_link_to_the_configuration_stays_one(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.toml").write_text("threads = 1")
    file.symlink_to(tmp_path / "kept.toml")
    save_config(Config(threads=2))
    assert file.is_symlink()
    assert load_config(tmp_path / "kept.toml") == Config(threads=2)


def test_where_nothing_can_be_written_the_configuration_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ImgfindError, match=r"Cannot write .*config\.toml \(.*\); check its permissions\.$"):
        save_config(Config(), tmp_path / "file" / "config.toml")
