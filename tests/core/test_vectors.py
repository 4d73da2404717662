"""Search over unit vectors, against brute force, through damage, crashes and changes of the source."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgfind.core.errors import LibraryError
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors import VectorIndex, graph, graph_file, neighbours
from imgfind.core.vectors.mapped import MappedRows
from imgfind.core.vectors.ranking import Best

DIM = 24
GRAPH_AT = 200
"""The size where the indexes of these tests go over to a graph."""


class FakeSource:
    """Vectors in memory; reads are counted, in rows."""

    def __init__(self, rows: FloatArray) -> None:
        self.ids = np.arange(1, len(rows) + 1) * 3
        self.rows = rows.astype(np.float16)
        self.rows_read = 0
        self._changes = 0

    def add(self, rows: FloatArray) -> None:
        first = int(self.ids[-1]) + 3 if len(self.ids) else 3
        self.ids = np.concatenate([self.ids, first + np.arange(len(rows))])
        self.rows = np.concatenate([self.rows, rows.astype(np.float16)])
        self._changes += 1

    def remove(self, gone: list[int]) -> None:
        kept = ~np.isin(self.ids, gone)
        self.ids, self.rows = self.ids[kept], self.rows[kept]
        self._changes += 1

    def revision(self) -> int:
        return self._changes

    def count(self) -> int:
        return len(self.ids)

    def checkpoint(self, up_to: int) -> int:
        return int((self.ids <= up_to).sum())

    def read(self, after: int = 0) -> Iterator[tuple[IdArray, NDArray[np.float16]]]:
        while len(positions := np.flatnonzero(self.ids > after)[:100]):
            self.rows_read += len(positions)
            yield self.ids[positions], self.rows[positions]
            after = int(self.ids[positions[-1]])

    def read_ids(self, ids: IdArray) -> Iterator[tuple[IdArray, NDArray[np.float16]]]:
        positions = np.flatnonzero(np.isin(self.ids, ids))
        for start in range(0, len(positions), 7):
            part = positions[start : start + 7]
            self.rows_read += len(part)
            yield self.ids[part], self.rows[part]


def unit_rows(count: int, seed: int = 0) -> FloatArray:
    """Return rows in clusters, as embeddings of photos are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(12, DIM))
    rows = centres[rng.integers(0, 12, count)] + 0.5 * rng.normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute_force(source: FakeSource, query: FloatArray, k: int, allowed: IdArray | None = None) -> list[int]:
    wanted = np.ones(len(source.ids), bool) if allowed is None else np.isin(source.ids, allowed)
    scores = (source.rows[wanted].astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    ids = source.ids[wanted]
    return [int(ids[position]) for position in np.lexsort((ids, -scores))[:k]]


def assert_exact(index: VectorIndex, source: FakeSource, k: int = 10) -> None:
    for query in unit_rows(5, seed=7):
        ids, scores = index.nearest(query, k)
        assert ids.tolist() == brute_force(source, query, k)
        rows = source.rows[np.searchsorted(source.ids, ids)].astype(np.float32)
        np.testing.assert_allclose(scores, rows @ query, atol=1e-6)


def recall(index: VectorIndex, source: FakeSource, k: int = 10) -> float:
    found = 0
    queries = unit_rows(40, seed=8)
    for query in queries:
        found += len(set(index.nearest(query, k)[0].tolist()) & set(brute_force(source, query, k)))
    return found / (k * len(queries))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vectors" / "starter.hnsw"


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(unit_rows(600))


@pytest.fixture
def index(file: Path, source: FakeSource) -> VectorIndex:
    return VectorIndex(file, DIM, source, exact_below=GRAPH_AT)


@pytest.fixture
def built(index: VectorIndex) -> VectorIndex:
    index.refresh(Job())
    return index


def uses_graph(index: VectorIndex, source: FakeSource) -> bool:
    """Tell whether a search reads no rows: the graph answered it, which is loaded for the second search."""
    for _ in range(2):
        index.nearest(unit_rows(1)[0], 5)
    before = source.rows_read
    index.nearest(unit_rows(1)[0], 5)
    return isinstance(index._graph, graph.Graph) and source.rows_read == before


def test_a_small_library_is_searched_exactly_and_read_once(file: Path) -> None:
    source = FakeSource(unit_rows(GRAPH_AT - 1))
    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    assert_exact(index, source)
    assert source.rows_read == GRAPH_AT - 1


def test_a_large_library_without_a_graph_is_searched_exactly(index: VectorIndex, source: FakeSource) -> None:
    assert_exact(index, source)
    assert len(index._rows) == 0


def test_an_empty_library_has_no_neighbours(file: Path) -> None:
    ids, scores = VectorIndex(file, DIM, FakeSource(np.empty((0, DIM), np.float32))).nearest(unit_rows(1)[0], 5)
    assert ids.tolist() == []
    assert scores.tolist() == []
    assert (ids.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("exact_below", [GRAPH_AT, 10_000])
def test_asking_for_more_than_there_is_returns_all(file: Path, source: FakeSource, exact_below: int) -> None:
    index = VectorIndex(file, DIM, source, exact_below=exact_below)
    index.refresh(Job())
    assert_exact(index, source, k=601)
    assert len(index.nearest(unit_rows(1)[0], 10_000)[0]) == 600


def test_the_graph_finds_nearly_all_true_neighbours_without_reading_rows(file: Path) -> None:
    source = FakeSource(unit_rows(2_000))
    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    index.refresh(Job())
    assert uses_graph(index, source)
    assert recall(index, source) >= 0.95


def test_the_first_search_compares_all_vectors_in_the_file_and_loads_no_graph(
    built: VectorIndex, file: Path, source: FakeSource
) -> None:
    for query in unit_rows(20, seed=7):
        index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
        before = source.rows_read
        ids, scores = index.nearest(query, 10)
        assert isinstance(index._graph, MappedRows)
        assert source.rows_read - before < 30, "a sample of the rows tells whether the file is that of the library"
        assert ids.tolist() == brute_force(source, query, 10)
        again, same_scores = index.nearest(query, 10)
        assert isinstance(index._graph, graph.Graph)
        shared = np.isin(ids, again)
        assert shared.sum() >= 9
        assert scores[shared].tolist() == same_scores[np.isin(again, ids)].tolist(), "bit for bit"


def test_newer_vectors_are_found_beside_the_mapped_ones(built: VectorIndex, file: Path, source: FakeSource) -> None:
    source.add(unit_rows(5, seed=3))
    query = unit_rows(5, seed=3)[2]
    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    assert index.nearest(query, 10)[0].tolist() == brute_force(source, query, 10)
    assert isinstance(index._graph, MappedRows)


@pytest.mark.parametrize("offset", [16, 24, 32, 40])
def test_a_file_of_another_form_is_not_mapped(built: VectorIndex, file: Path, offset: int) -> None:
    assert MappedRows.open(file, DIM, 600, 1800) is not None
    content = bytearray(file.read_bytes())
    content[offset : offset + 8] = (2**40).to_bytes(8, "little")
    file.write_bytes(content)
    assert MappedRows.open(file, DIM, 600, 1800) is None
    file.write_bytes(b"short")
    assert MappedRows.open(file, DIM, 600, 1800) is None


def test_graph_and_exact_search_give_the_same_scores_bit_for_bit(
    built: VectorIndex, source: FakeSource, tmp_path: Path
) -> None:
    held = VectorIndex(tmp_path / "none.hnsw", DIM, source)
    streamed = VectorIndex(tmp_path / "none.hnsw", DIM, source, exact_below=0)
    query = unit_rows(1, seed=7)[0]
    assert uses_graph(built, source)
    for other in (held, streamed):
        for mine, theirs in zip(built.nearest(query, 10), other.nearest(query, 10), strict=True):
            assert mine.tolist() == theirs.tolist()


def test_only_allowed_vectors_are_found(file: Path, source: FakeSource) -> None:
    query = unit_rows(1, seed=7)[0]
    small = VectorIndex(file, DIM, source)
    large = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    few, many = source.ids[100:120], source.ids[50:590]
    for allowed in (few, many, source.ids[:0], np.array([1, 2, 10**9])):
        for index in (small, large):
            assert index.nearest(query, 10, allowed)[0].tolist() == brute_force(source, query, 10, allowed)
    large.refresh(Job())
    for allowed in (few, many):
        assert large.nearest(query, 10, allowed)[0].tolist() == brute_force(source, query, 10, allowed)


def with_near_ones(count: int) -> FloatArray:
    """Return rows of which each third is near the one before, further than by rounding."""
    rows = unit_rows(count).astype(np.float64)
    rows[1::3] = rows[0::3][: len(rows[1::3])] + 0.02 * np.random.default_rng(5).normal(size=rows[1::3].shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def near_by_brute_force(source: FakeSource) -> set[tuple[int, int]]:
    rows = source.rows.astype(np.float32)
    left, right = np.nonzero(np.triu(rows @ rows.T, 1) >= neighbours.NEAR)
    return set(zip(source.ids[left].tolist(), source.ids[right].tolist(), strict=True))


def pairs_of(found: IdArray) -> set[tuple[int, int]]:
    assert (found[:, 0] < found[:, 1]).all()
    pairs = {(first, second) for first, second in found.tolist()}
    assert len(pairs) == len(found)
    return pairs


@pytest.mark.parametrize("exact_below", [10_000, 601, GRAPH_AT], ids=["held", "held, just", "streamed or graph"])
@pytest.mark.parametrize("refreshed", [False, True])
def test_near_pairs_are_those_of_brute_force_however_they_are_found(
    file: Path, exact_below: int, refreshed: bool
) -> None:
    source = FakeSource(with_near_ones(600))
    index = VectorIndex(file, DIM, source, exact_below=exact_below)
    if refreshed:
        index.refresh(Job())
    source.add(with_near_ones(31))  # behind the graph where there is one
    expected = near_by_brute_force(source)
    assert len(expected) > 200
    assert pairs_of(index.near_pairs()) == expected
    new = source.ids[-10:]
    expected_of_new = {pair for pair in expected if set(pair) & set(new.tolist())}
    assert pairs_of(index.near_pairs(new)) == expected_of_new
    just_opened = VectorIndex(file, DIM, source, exact_below=exact_below)
    assert pairs_of(just_opened.near_pairs(new)) == expected_of_new
    assert isinstance(just_opened._graph, MappedRows) == (refreshed and exact_below == GRAPH_AT)


def test_each_of_many_equal_vectors_is_paired_with_a_few(file: Path) -> None:
    source = FakeSource(np.tile(unit_rows(1), (200, 1)))
    found = pairs_of(VectorIndex(file, DIM, source).near_pairs())
    assert len(found) <= 200 * neighbours.MOST
    assert {number for pair in found for number in pair} == set(source.ids.tolist())


def test_an_empty_library_has_no_near_pairs(file: Path) -> None:
    index = VectorIndex(file, DIM, FakeSource(unit_rows(0)))
    assert index.near_pairs().shape == index.near_pairs(np.array([3], np.int64)).shape == (0, 2)


def test_near_pairs_of_a_graph_that_reaches_too_few_nodes_are_found_exactly(
    built: VectorIndex, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.Graph, "near", lambda *_: None)
    assert pairs_of(built.near_pairs()) == near_by_brute_force(source)


def test_a_narrow_filter_reads_only_what_it_allows(index: VectorIndex, source: FakeSource) -> None:
    index.nearest(unit_rows(1)[0], 5, source.ids[:20])
    assert source.rows_read == 20


small_rows = st.lists(st.sampled_from([(1, 0), (0, 1), (-1, 0), (0.6, 0.8), (0.8, 0.6)]), max_size=30)


@given(rows=small_rows, k=st.integers(1, 12), chunk=st.integers(1, 9), data=st.data())
def test_equal_scores_come_in_the_order_of_their_ids(
    rows: list[tuple[float, float]], k: int, chunk: int, data: st.DataObject
) -> None:
    matrix = np.array(rows, np.float32).reshape(-1, 2)
    ids = np.arange(len(rows)) + 1
    query = np.array(data.draw(st.sampled_from([(1, 0), (0.6, 0.8)])), np.float32)
    best = Best(query, k)
    for start in range(0, len(rows), chunk):
        best.offer(ids[start : start + chunk], matrix[start : start + chunk])
    scores = (matrix.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    assert best.ids.tolist() == ids[np.lexsort((ids, -scores))[:k]].tolist()


def test_copies_of_one_vector_score_the_same_wherever_they_stand() -> None:
    rows = unit_rows(997)
    rows[::31] = rows[0]
    best = Best(unit_rows(1, seed=5)[0], 997)
    best.offer(np.arange(997), rows)
    assert len(np.unique(best.scores[np.isin(best.ids, np.arange(0, 997, 31))])) == 1


def test_vectors_that_came_after_the_graph_are_found(built: VectorIndex, source: FakeSource) -> None:
    query = unit_rows(1, seed=7)[0]
    assert uses_graph(built, source)
    source.add(query[None])
    source.add(unit_rows(5, seed=21))
    source.rows_read = 0
    ids, scores = built.nearest(query, 5)
    assert ids[0] == 1803
    assert scores[0] == pytest.approx(1, abs=1e-3)
    assert source.rows_read == 6
    assert built._graph is not None


def test_more_new_vectors_than_may_be_held_are_streamed(built: VectorIndex, source: FakeSource) -> None:
    source.add(unit_rows(GRAPH_AT + 1, seed=22))
    assert recall(built, source) >= 0.95
    assert built._graph is not None
    assert len(built._rows) == 0


def test_new_vectors_of_a_small_library_are_found_and_only_they_are_read(file: Path) -> None:
    source = FakeSource(unit_rows(100))
    index = VectorIndex(file, DIM, source)
    assert_exact(index, source)
    source.add(unit_rows(30, seed=3))
    assert_exact(index, source)
    assert source.rows_read == 130


@pytest.mark.parametrize("count", [100, 600])
def test_removed_vectors_are_found_no_more(file: Path, count: int) -> None:
    source = FakeSource(unit_rows(count))
    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    index.refresh(Job())
    gone = index.nearest(unit_rows(1, seed=7)[0], 3)[0].tolist()
    source.remove(gone)
    source.add(unit_rows(3, seed=4))
    assert_exact(index, source)


def test_refresh_builds_anew_after_vectors_were_removed(built: VectorIndex, source: FakeSource) -> None:
    gone = built.nearest(unit_rows(1, seed=7)[0], 3)[0].tolist()
    source.remove(gone)
    built.refresh(Job())
    assert uses_graph(built, source)
    assert not set(gone) & set(built.nearest(unit_rows(1, seed=7)[0], 10)[0].tolist())
    assert recall(built, source) >= 0.95


def test_refresh_writes_nothing_for_a_small_library(file: Path) -> None:
    index = VectorIndex(file, DIM, FakeSource(unit_rows(50)), exact_below=GRAPH_AT)
    index.refresh(Job())
    assert not file.parent.exists()


def test_refresh_removes_the_graph_of_a_library_that_became_small(
    built: VectorIndex, source: FakeSource, file: Path
) -> None:
    source.remove(source.ids[50:].tolist())
    built.refresh(Job())
    assert list(file.parent.iterdir()) == []
    assert_exact(built, source)


def test_refresh_leaves_the_file_alone_for_a_few_new_vectors(
    built: VectorIndex, source: FakeSource, file: Path
) -> None:
    before = file.stat()
    source.add(unit_rows(GRAPH_AT // 16, seed=3))
    built.refresh(Job())
    assert file.stat() == before


def test_refresh_adds_new_vectors_to_the_graph_there_is(built: VectorIndex, source: FakeSource, file: Path) -> None:
    source.add(unit_rows(300, seed=3))
    source.rows_read = 0
    built.refresh(Job())
    assert source.rows_read == 300 + 16  # and a sample of the old ones
    assert json.loads(file.with_name("starter.hnsw.json").read_text())["count"] == 900
    assert uses_graph(built, source)
    assert recall(built, source) >= 0.95


def test_a_search_in_another_process_follows_the_new_file(built: VectorIndex, source: FakeSource, file: Path) -> None:
    reader = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    reader.nearest(unit_rows(1)[0], 5)
    source.add(unit_rows(300, seed=3))
    built.refresh(Job())
    reader.nearest(unit_rows(1)[0], 5)
    assert reader._graph is not None
    assert reader._graph.count == 900


def test_a_graph_that_appears_takes_the_place_of_the_rows_in_memory(
    index: VectorIndex, source: FakeSource, file: Path
) -> None:
    reader = VectorIndex(file, DIM, source)
    reader.nearest(unit_rows(1)[0], 5)
    assert len(reader._rows) == 600
    index.refresh(Job())
    assert uses_graph(reader, source)
    assert len(reader._rows) == 0


def test_a_graph_that_reaches_too_few_nodes_is_helped_out_by_exact_search(
    built: VectorIndex, source: FakeSource
) -> None:
    class Unreachable:
        def set_ef(self, ef: int) -> None:
            assert ef >= 10

        def knn_query(self, query: FloatArray, k: int) -> None:
            raise RuntimeError("Cannot return the results in a contiguous 2D array. Probably ef or M is too small")

    assert uses_graph(built, source)
    built._graph = graph.Graph(Unreachable(), built._graph.count, built._graph.highest_id)
    assert_exact(built, source)


def test_a_source_that_fails_midway_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, built: VectorIndex, source: FakeSource, file: Path
) -> None:
    reader = VectorIndex(file, DIM, source)
    reader.nearest(unit_rows(1)[0], 5)
    source.add(unit_rows(300, seed=3))
    reader.nearest(unit_rows(1)[0], 5)
    built.refresh(Job())

    def busy() -> int:
        raise LibraryError("The library is busy; try again.")

    with monkeypatch.context() as patch:
        patch.setattr(source, "count", busy)
        with pytest.raises(LibraryError):
            reader.nearest(unit_rows(1)[0], 5)
    query = unit_rows(1, seed=7)[0]
    assert reader.nearest(query, 10)[0].tolist() == brute_force(source, query, 10)
    assert len(reader._rows) == 0


def damaged_manifest(file: Path, **changes: object) -> None:
    manifest = file.with_name("starter.hnsw.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


DAMAGES = {
    "no file": lambda file: file.unlink(),
    "no manifest": lambda file: file.with_name("starter.hnsw.json").unlink(),
    "empty manifest": lambda file: file.with_name("starter.hnsw.json").write_text(""),
    "garbage manifest": lambda file: file.with_name("starter.hnsw.json").write_bytes(b"\xff\x00{"),
    "manifest of another shape": lambda file: file.with_name("starter.hnsw.json").write_text('["count", 3]'),
    "manifest with a missing key": lambda file: file.with_name("starter.hnsw.json").write_text('{"count": 600}'),
    "manifest with text for a number": lambda file: damaged_manifest(file, highest_id="many"),
    "manifest with a number too large": lambda file: damaged_manifest(file, highest_id=2**70),
    "manifest with a wrong sample": lambda file: damaged_manifest(file, sample_ids=[3, 6]),
    "another dimension": lambda file: damaged_manifest(file, dim=DIM + 1),
    "another count": lambda file: damaged_manifest(file, count=599),
    "another package": lambda file: damaged_manifest(file, package="chroma-hnswlib"),
    "another version": lambda file: damaged_manifest(file, version="0.7.0"),
    "another format": lambda file: damaged_manifest(file, format=99),
    "truncated data": lambda file: os.truncate(file, file.stat().st_size - 1),
    "empty data": lambda file: os.truncate(file, 0),
    "longer data": lambda file: file.write_bytes(file.read_bytes() + b"\0"),
    "damaged header": lambda file: file.write_bytes(b"\x01" + file.read_bytes()[1:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_graph_is_not_used_and_is_built_anew(
    built: VectorIndex, file: Path, source: FakeSource, damage: str
) -> None:
    DAMAGES[damage](file)
    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    assert_exact(index, source)
    assert not uses_graph(index, source)
    index.refresh(Job())
    assert uses_graph(index, source)
    assert recall(index, source) >= 0.95


def test_a_graph_of_other_vectors_under_the_same_ids_is_not_used(
    built: VectorIndex, file: Path, source: FakeSource
) -> None:
    made_anew = FakeSource(source.rows[::-1].astype(np.float32))
    index = VectorIndex(file, DIM, made_anew, exact_below=GRAPH_AT)
    assert_exact(index, made_anew)
    assert not uses_graph(index, made_anew)


def test_nothing_is_added_to_a_graph_damaged_in_the_middle(built: VectorIndex, file: Path, source: FakeSource) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    source.add(unit_rows(300, seed=3))
    source.rows_read = 0
    built.refresh(Job())
    assert source.rows_read >= 900
    assert uses_graph(built, source)


SAVE_STEPS = 15


class PowerCut(BaseException):
    """The process ends here; nothing may handle it."""


def save_until(monkeypatch: pytest.MonkeyPatch, step: int, index: VectorIndex, error: BaseException) -> bool:
    """Refresh ``index`` and raise ``error`` in place of the ``step``-th change on disk; False: there was none."""
    steps = iter(range(step + 1))

    def counted(call):
        def counting(*arguments, **options):
            if next(steps, None) == step:
                raise error
            return call(*arguments, **options)

        return counting

    with monkeypatch.context() as patch:
        for name in ("replace", "fsync", "open"):
            patch.setattr(graph_file.os, name, counted(getattr(os, name)))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(Path, "write_text", counted(Path.write_text))
        patch.setattr(graph.Graph, "save", counted(graph.Graph.save))
        try:
            index.refresh(Job())
        except (PowerCut, LibraryError):
            return True
    return False


@pytest.mark.parametrize("error", [PowerCut(), OSError(28, "No space left on device")], ids=["power cut", "disk full"])
@pytest.mark.parametrize("step", range(SAVE_STEPS))
def test_a_save_that_ends_at_any_step_leaves_a_library_that_searches_right(
    monkeypatch: pytest.MonkeyPatch,
    built: VectorIndex,
    file: Path,
    source: FakeSource,
    step: int,
    error: BaseException,
) -> None:
    source.remove(source.ids[:5].tolist())
    source.add(unit_rows(5, seed=3))
    assert save_until(monkeypatch, step, built, error)
    reader = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    assert recall(reader, source) >= 0.95
    if not uses_graph(reader, source):
        assert_exact(reader, source)
    reader.refresh(Job())
    assert uses_graph(reader, source)
    assert sorted(path.name for path in file.parent.iterdir()) == ["starter.hnsw", "starter.hnsw.json"]


def test_a_save_has_no_more_steps_than_are_tested(
    monkeypatch: pytest.MonkeyPatch, built: VectorIndex, source: FakeSource
) -> None:
    source.remove(source.ids[:5].tolist())
    assert not save_until(monkeypatch, SAVE_STEPS, built, PowerCut())


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(file: Path, source: FakeSource) -> None:
    file.parent.write_text("a file where the folder should be")
    with pytest.raises(LibraryError, match=r"Cannot write the search index .*index again"):
        VectorIndex(file, DIM, source, exact_below=GRAPH_AT).refresh(Job())


def test_a_cancelled_build_leaves_the_old_file(built: VectorIndex, file: Path, source: FakeSource) -> None:
    before = file.read_bytes()
    source.add(unit_rows(600, seed=3))
    seen: list[Progress] = []

    def cancel_at_second(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 2:
            job.cancel()

    job = Job(cancel_at_second)
    with pytest.raises(Cancelled):
        built.refresh(job)
    assert [progress.total for progress in seen] == [1200, 1200]
    assert [progress.done for progress in seen] == sorted({progress.done for progress in seen})
    assert file.read_bytes() == before
    assert built.nearest(unit_rows(1, seed=7)[0], 10)[0].tolist() == brute_force(source, unit_rows(1, seed=7)[0], 10)


def test_vectors_that_arrive_during_the_build_are_part_of_it(file: Path, source: FakeSource) -> None:
    arrived = []

    def add_once(progress: Progress) -> None:
        if not arrived:
            arrived.append(progress)
            source.add(unit_rows(250, seed=3))

    index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
    index.refresh(Job(add_once))
    assert uses_graph(index, source)
    assert index._graph.count == 850


def test_without_hnswlib_search_stays_exact(
    monkeypatch: pytest.MonkeyPatch,
    built: VectorIndex,
    file: Path,
    source: FakeSource,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    graph.load_hnswlib.cache_clear()
    try:
        with caplog.at_level("INFO"):
            index = VectorIndex(file, DIM, source, exact_below=GRAPH_AT)
            assert_exact(index, source)
            source.add(unit_rows(300, seed=3))
            index.refresh(Job())
            assert_exact(index, source)
    finally:
        graph.load_hnswlib.cache_clear()
    assert sum("without a graph" in message for message in caplog.messages) == 1


def test_searches_from_many_threads_agree_while_the_file_is_replaced(built: VectorIndex, source: FakeSource) -> None:
    query = unit_rows(1, seed=7)[0]
    source.add(unit_rows(300, seed=3))
    expected = brute_force(source, query, 10)
    answers: list[list[int]] = []

    def search() -> None:
        answers.extend(built.nearest(query, 10)[0].tolist() for _ in range(50))

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    built.refresh(Job())
    for thread in threads:
        thread.join()
    assert answers == [expected] * 200


def test_hnswlib_is_imported_only_where_there_is_a_graph(built: VectorIndex, file: Path) -> None:
    script = (
        "import sys, numpy\n"
        "from pathlib import Path\n"
        "from imgfind.core.vectors import VectorIndex\n"
        "class Source:\n"
        "    def revision(self): return 0\n"
        "    def count(self): return 1\n"
        "    def read(self, after=0): yield numpy.array([1]), numpy.ones((1, 1), numpy.float16)\n"
        f"index = VectorIndex(Path({str(file.with_name('other.hnsw'))!r}), 1, Source())\n"
        "assert index.nearest(numpy.ones(1, numpy.float32), 1)[0].tolist() == [1]\n"
        "assert 'hnswlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent.parent)
