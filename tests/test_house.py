"""The promises of the house: documents, pins and the built-in encoder agree with the code."""

import ast
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import imgfind

REPOSITORY = Path(__file__).parent.parent
OUR_CODE = [file for folder in ("imgfind", "packaging", "benchmarks") for file in (REPOSITORY / folder).rglob("*.py")]
STARTER = REPOSITORY / "resources" / "starter"

LONGEST_MODULE_LINES = 400
LONGER_FOR_A_REASON: dict[str, str] = {}
"""Path of a module -> why it is not split."""


def text_of(name: str) -> str:
    """Return the text of a file of the repository."""
    return (REPOSITORY / name).read_text("utf-8")


def pins() -> dict[str, str]:
    """Return package -> version from ``constraints.txt``; fails on a line that is not an exact pin."""
    lines = [line for line in text_of("constraints.txt").splitlines() if line and not line.startswith("#")]
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.+]+)", line) for line in lines]
    assert all(pairs), [line for line, pair in zip(lines, pairs, strict=True) if pair is None]
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs if pair}


def code_in(markdown: str) -> str:
    """Return the code of a document: fenced, indented and inside of lines."""
    fenced = r"^```.*?^```$"
    rest = re.sub(fenced, "", markdown, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(fenced, markdown, flags=re.DOTALL | re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`|^ {4}.+$", rest, flags=re.MULTILINE)])


def make_targets() -> set[str]:
    """Return the targets that ``make help`` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), flags=re.MULTILINE))


@pytest.mark.parametrize("file", OUR_CODE, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_module_says_what_it_is_for(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text("utf-8")))


def test_no_module_is_longer_than_one_reads_at_a_sitting() -> None:
    lengths = {str(file.relative_to(REPOSITORY)): len(file.read_text("utf-8").splitlines()) for file in OUR_CODE}
    too_long = {name for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES}
    assert too_long == set(LONGER_FOR_A_REASON)


def test_every_dependency_is_pinned_at_a_version_its_range_allows() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    pinned = pins()
    unpinned = {line.name for line in map(Requirement, asked) if canonicalize_name(line.name) not in pinned}
    assert unpinned == set()
    outside = {
        line.name for line in map(Requirement, asked) if pinned[canonicalize_name(line.name)] not in line.specifier
    }
    assert outside == set()


def test_every_document_that_travels_with_the_package_exists() -> None:
    configuration = tomllib.loads(text_of("pyproject.toml"))
    documents = [configuration["project"]["readme"], *configuration["project"]["license-files"]]
    documents += configuration["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in documents if not (REPOSITORY / name).exists()] == []


def test_the_changelog_speaks_of_this_version() -> None:
    parts = re.split(r"^## \[([^\]]+)\].*$", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert sections.get(imgfind.__version__, sections.get("Unreleased", "")).strip()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_in_the_documents_exists(document: str) -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_in(text_of(document))))
    assert named, "the document names no target at all"
    assert named <= make_targets()


def test_the_makefile_has_the_targets_people_are_promised() -> None:
    promised = {"help", "setup", "demo", "test", "lint", "format", "bench-index", "bench-search", "clean"}
    assert promised <= make_targets()


def test_ci_runs_the_tests_and_compares_speeds() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").splitlines()[-1] == "exec make test bench-guard"


def test_the_licence_is_mit() -> None:
    assert text_of("LICENSE").startswith("MIT License\n\nCopyright (c) 2026 The imgfind developers\n")


def test_the_built_in_encoder_is_the_one_its_model_card_describes() -> None:
    card = (STARTER / "README.md").read_text("utf-8")
    assert {file.name for file in STARTER.iterdir()} == {
        "README.md",
        *re.findall(r"^\| `(\S+)` \|", card, re.MULTILINE),
    }
    model = json.loads((STARTER / "open_clip_config.json").read_text("utf-8"))["model_cfg"]
    vision, text = model["vision_cfg"], model["text_cfg"]
    facts = [
        f"{vision['timm_model_name']} (timm) at {vision['image_size']} x {vision['image_size']} pixels",
        f"text tower of {text['layers']} layers x {text['width']} with a context of {text['context_length']} tokens",
        f"{model['embed_dim']} dimensions",
        f"float16, {(STARTER / 'open_clip_model.safetensors').stat().st_size / 1e6:.1f} MB",
    ]
    words = " ".join(card.split())
    assert [fact for fact in facts if fact not in words] == []


def test_the_built_in_encoder_stays_small_enough_to_travel_along() -> None:
    assert sum(file.stat().st_size for file in STARTER.iterdir()) <= 16e6


def test_no_file_names_a_package_index() -> None:
    files = ["pyproject.toml", "constraints.txt", "Makefile", "packaging/set_up.py", ".ci/run"]
    assert [
        name for name in files if re.search(r"index-url|find-links|://[^\s\"]*(pypi|pytorch)\.", text_of(name))
    ] == []
