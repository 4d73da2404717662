from typing import Any

import pytest

from imgfind.core import models
from imgfind.core.records import ModelFiles
from imgfind.core.runtimes import ENCODER_THREADS, Encoders
from tests.fake_encoder import FakeEncoder


class Loads:
    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str, int]] = []

    def __call__(self, model: ModelFiles, *, device: str, threads: int) -> FakeEncoder:
        self.asked.append((model.fingerprint, device, threads))
        return FakeEncoder(model)


@pytest.fixture
def starter() -> ModelFiles:
    return models.find_model("starter")


def test_queries_are_encoded_on_the_cpu_whatever_photos_are_encoded_on(starter: ModelFiles) -> None:
    loads = Loads()
    encoders = Encoders(loads)

    assert encoders.for_queries(starter, "f") is encoders.for_queries(starter, "f")
    assert loads.asked == [("f", "cpu", ENCODER_THREADS)]

    encoders.on("cuda", starter, "f")
    assert loads.asked[1:] == [("f", "cuda", ENCODER_THREADS)]


def test_an_encoder_that_is_loaded_answers_queries_too(starter: ModelFiles) -> None:
    loads = Loads()
    encoders = Encoders(loads)
    there: Any = encoders.on("auto", starter, "f")

    assert encoders.for_queries(starter, "f") is there
    assert encoders.for_queries(starter, "another") is not there
    assert loads.asked[1:] == [("another", "cpu", ENCODER_THREADS)]
