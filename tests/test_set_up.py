"""The set-up script: when it works and when it has nothing to do. (What it installs is proven by every run of CI.)"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def set_up() -> ModuleType:
    spec = importlib.util.spec_from_file_location("set_up", REPOSITORY / "packaging" / "set_up.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path, set_up: ModuleType) -> Path:
    """Return a checkout, in a folder with a blank in its name, whose environment is complete."""
    root = tmp_path / "img find"
    (root / "packaging").mkdir(parents=True)
    for name in set_up.INPUTS:
        shutil.copyfile(REPOSITORY / name, root / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    set_up.stamp_file(root).write_text("\n".join(set_up.stamp_lines(root)) + "\n", "utf-8")
    return root


def test_a_complete_environment_needs_no_work(set_up: ModuleType, checkout: Path) -> None:
    assert set_up.needed_work(checkout) == "nothing"


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "packaging/set_up.py"])
def test_a_changed_input_means_installing_packages_again(set_up: ModuleType, checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert set_up.needed_work(checkout) == "packages"


def test_a_checkout_that_was_moved_gets_a_new_environment(set_up: ModuleType, checkout: Path) -> None:
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert set_up.needed_work(moved) == "everything"


def test_another_python_gets_a_new_environment(
    set_up: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/another")
    assert set_up.needed_work(checkout) == "everything"


def test_an_environment_whose_python_is_gone_is_made_anew(set_up: ModuleType, checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert set_up.needed_work(checkout) == "everything"


@pytest.mark.parametrize("left", [None, b"", b"\xff\xfe", b"'half a li"])
def test_an_interrupted_set_up_is_started_again(set_up: ModuleType, checkout: Path, left: bytes | None) -> None:
    stamp = set_up.stamp_file(checkout)
    stamp.unlink() if left is None else stamp.write_bytes(left)
    assert set_up.needed_work(checkout) == "everything"


def test_a_failing_pip_leaves_no_stamp(set_up: ModuleType, checkout: Path) -> None:
    """The environment here has no pip, so installing fails at once."""
    with pytest.raises(SystemExit, match="make setup again"):
        set_up.install_packages(checkout)
    assert set_up.needed_work(checkout) == "everything"


def test_no_package_is_installed_where_no_one_allowed_it(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("CI", "")
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("a command was run"))
    assert set_up.install_debian_packages(["build-essential"]) is False


def test_a_missing_compiler_stops_with_the_command_to_run(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(set_up, "install_debian_packages", lambda _packages: False)
    with pytest.raises(SystemExit, match="sudo apt-get install build-essential"):
        set_up.provide_build_tools()


def test_a_missing_qt_library_is_only_a_warning(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "QT_LIBRARIES", {"libnone1": "libnone.so.1"})
    monkeypatch.setattr(set_up, "install_debian_packages", lambda _packages: False)
    monkeypatch.setattr(sys, "platform", "linux")
    set_up.provide_qt_libraries()
    assert "sudo apt-get install libnone1" in capsys.readouterr().out
