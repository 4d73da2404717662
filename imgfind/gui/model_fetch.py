"""Has an encoder downloaded by a child process, ``imgfind models download``, and then has the library encoded with it.

One at a time, and only on the user's word. What has arrived is kept when it is paused or the window is closed; giving
it up deletes it. GUI thread only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from imgfind.core import downloading
from imgfind.gui.child_process import IMGFIND, ChildProcess, Ending
from imgfind.gui.indexer import Indexer, progress_of
from imgfind.gui.tasks import Lane, TaskRunner


class ModelFetch(QObject):
    """A download, as the window sees it.

    ``state`` is ``idle``, ``running`` or ``paused``.

    Signals:
        state_changed(str): the new state.
        progressed(Progress): how far it is, in bytes.
        finished(str): the model of this name is on this disk, and indexing with it has been asked for.
        failed(str): it is not, and this is why.
    """

    state_changed = Signal(str)
    progressed = Signal(object)
    finished = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        library: Path,
        runner: TaskRunner,
        indexer: Indexer,
        parent: QObject | None = None,
        *,
        program: Sequence[str] = IMGFIND,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._runner = runner
        self._indexer = indexer
        self._program = program
        self._child: ChildProcess | None = None
        self._name: str | None = None
        self._is_done = False
        self._error = ""
        self._state = "idle"

    @property
    def state(self) -> str:
        """Return ``idle``, ``running`` or ``paused``."""
        return self._state

    @property
    def name(self) -> str | None:
        """Return the name of the model that is being fetched, if one is."""
        return self._name

    def start(self, name: str) -> None:
        """Fetch a model, unless one is being fetched already; the same one goes on if it was paused."""
        if name == self._name:
            self.resume()
        elif self._name is None:
            self._name = name
            self._set_state("running")
            self._go_on()

    def pause(self) -> None:
        """Stop; what has arrived is kept."""
        if self._state == "running":
            self._set_state("paused")
            self._stop()

    @Slot()
    def resume(self) -> None:
        """Go on where it was."""
        if self._state == "paused":
            self._set_state("running")
            self._go_on()

    def cancel(self) -> None:
        """Give it up and delete what has arrived."""
        if self._name is None:
            return
        name, self._name = self._name, None
        self._set_state("idle")
        if self._child is None:
            self._remove(name)
        else:
            self._child.ended.connect(lambda _ending: self._remove(name))
            self._stop()

    def close(self, wait_s: float) -> None:
        """Stop the child behind the window's end."""
        child, self._child = self._child, None
        if child is not None:
            child.ended.disconnect()
            child.finish(wait_s)

    def _go_on(self) -> None:
        if self._child is not None or self._name is None:  # it goes on when the child that is stopping has ended
            return
        self._is_done, self._error = False, ""
        options = ["--library", str(self._library), "--progress", "json"]
        try:
            self._child = ChildProcess([*self._program, "models", "download", *options, "--", self._name], self)
        except OSError as error:
            self._give_up(self.tr("The download could not be started: {}").format(error))
            return
        self._child.said.connect(self._on_said)
        self._child.ended.connect(self._on_ended)

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    @Slot(object)
    def _on_said(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line.get("stage") == "done":
                self._is_done = True
            elif line.get("stage") == "error":
                self._error = str(line["message"])
            elif self._state == "running":
                self.progressed.emit(progress_of(line))

    @Slot(object)
    def _on_ended(self, ending: Ending) -> None:
        assert self._child is not None, "who ends was there"
        was_stopped = self._child.is_stopping
        self._child.deleteLater()
        self._child = None
        if was_stopped:
            if self._state == "running":
                self._go_on()
        elif self._is_done and self._name is not None:
            name, self._name = self._name, None
            self._set_state("idle")
            self._indexer.use_model(name)
            self.finished.emit(name)
        else:
            self._give_up(self._error or self.tr("The download ended unexpectedly. {}").format(ending.last_words))

    def _give_up(self, why: str) -> None:
        self._name = None
        self._set_state("idle")
        self.failed.emit(why)

    def _remove(self, name: str) -> None:
        if name != self._name:  # nobody has asked for it again meanwhile
            self._runner.run(Lane.WRITE, lambda _library: downloading.remove_files(name))

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)
