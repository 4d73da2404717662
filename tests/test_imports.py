"""What a fresh Python process loads when it imports imgfind: the command line has to answer at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "imgfind"
HEAVY = {"torch", "torchvision", "open_clip", "timm", "onnxruntime", "hnswlib", "PySide6", "shiboken6"}

PRINT_LOADED = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(statements: str) -> set[str]:
    """Return the top-level names of all modules that are loaded after ``statements`` in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statements}\n{PRINT_LOADED}"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def modules() -> list[str]:
    """Return the dotted names of all modules of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return [
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for file in files
    ]


def test_the_check_itself_sees_a_heavy_import() -> None:
    assert "hnswlib" in loaded_by("import hnswlib")


def test_importing_the_core_loads_no_heavy_package() -> None:
    loaded = loaded_by("import imgfind.core")
    assert "imgfind" in loaded
    assert loaded & HEAVY == set()


def test_importing_the_command_line_loads_no_heavy_package() -> None:
    assert loaded_by("from imgfind.cli import main") & HEAVY == set()


def test_help_loads_no_heavy_package() -> None:
    statements = """
import runpy, sys
sys.argv = ["imgfind", "--help"]
try:
    runpy.run_module("imgfind", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_by(statements) & HEAVY == set()


def test_help_is_printed_by_the_module_and_by_the_installed_command() -> None:
    command = Path(sys.executable).parent / "imgfind"
    if not command.exists():
        pytest.skip("needs imgfind installed beside this Python")
    outputs = []
    for arguments in ([sys.executable, "-m", "imgfind"], [str(command)]):
        environment = {**os.environ, "COLUMNS": "80"}
        result = subprocess.run(
            [*arguments, "--help"], cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        outputs.append(result.stdout)
    assert outputs[0].startswith("usage: imgfind")
    assert outputs[0] == outputs[1]


def test_no_module_loads_a_heavy_package_when_it_is_imported() -> None:
    """Only ``encode`` and ``vectors`` may load theirs at once; then whoever uses these two imports them late."""
    allowed = {"imgfind.core.encode", "imgfind.core.vectors", "imgfind.__main__"}
    window = "imgfind.gui"
    statements = "\n".join(f"import {name}" for name in modules() if name not in allowed and window not in name)
    assert loaded_by(statements) & HEAVY == set()


def test_the_window_loads_qt_and_nothing_else_that_is_heavy() -> None:
    assert loaded_by("import imgfind.gui.app") & HEAVY == {"PySide6", "shiboken6"}


def test_the_program_loads_no_qt_before_a_window_is_wanted() -> None:
    assert loaded_by("import imgfind.__main__") & HEAVY == set()


def test_every_module_can_be_imported_first() -> None:
    """A circular import shows only when the wrong one of the two comes first."""
    statements = f"""
import importlib, sys
for name in {[name for name in modules() if name != "imgfind.__main__"]!r}:
    for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "imgfind"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    assert "imgfind" in loaded_by(statements)


def test_indexing_plain_pictures_loads_no_plugin(tmp_path: Path) -> None:
    statements = f"""
from pathlib import Path
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from imgfind.core import Library
paint(Path({str(tmp_path / "photos" / "a.jpg")!r}))
with Library({str(tmp_path / "library")!r}, load_encoder=FakeEncoder) as library:
    assert library.index([{str(tmp_path / "photos")!r}]).encoded == 1
"""
    assert loaded_by(statements) & {"pi_heif", "pillow_jxl", "rawpy"} == set()
