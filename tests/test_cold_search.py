"""A search in a fresh process: what it loads."""

import subprocess
import sys
from pathlib import Path

from imgfind.core import Library
from tests.command_line import REPOSITORY

SEARCH = """
import sys
from imgfind.__main__ import main
sys.argv = ["imgfind", "search", {words!r}, "--library", {library!r}]
assert main() == 0
heavy = {{"torch", "torchvision", "open_clip", "timm", "onnx", "ftfy", "cv2", "PySide6"}} & set(sys.modules)
assert not heavy, heavy
assert "onnxruntime" in sys.modules
"""


def test_a_search_for_words_loads_neither_torch_nor_open_clip(starter_library: Library, skimage_photos: Path) -> None:
    starter_library.search("a cat")  # converts the model, where that was not done before

    script = SEARCH.format(words="a motorcycle", library=str(starter_library.folder))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert str(skimage_photos / "motorcycle_left.png") in result.stdout
