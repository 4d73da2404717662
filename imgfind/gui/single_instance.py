"""One window for each library of a user: a second start brings the first one to the front.

The first listens on a local socket whose name is made of the user and the library's folder. GUI thread only.
"""

import getpass
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtNetwork import QAbstractSocket, QLocalServer, QLocalSocket

_CONNECT_MS = 300
_ANSWER_MS = 2000
"""A busy window answers late, one that hangs never does; then nobody is better served by a second one."""
_ANSWER = b"raised\n"


def instance_key(library: Path) -> str:
    """Return the name under which the window of this user's library listens."""
    names = json.dumps([getpass.getuser(), str(library.resolve())])
    return "imgfind-" + hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def raise_running(key: str, paths: Sequence[str] = ()) -> bool:
    """Ask the window that runs under ``key`` to come to the front; tell whether there is one."""
    socket = QLocalSocket()
    socket.connectToServer(key)
    if not socket.waitForConnected(_CONNECT_MS):
        return False
    socket.write(json.dumps(list(paths)).encode() + b"\n")
    socket.waitForBytesWritten(_CONNECT_MS)
    socket.waitForReadyRead(_ANSWER_MS)
    socket.disconnectFromServer()
    return True


class SingleInstance(QObject):
    """Listens for second starts.

    Signals:
        raised(list): somebody started the program again, with these paths.
    """

    raised = Signal(object)  # a list would lose the bytes of names that are not UTF-8

    def __init__(self, key: str, parent: QObject | None = None) -> None:
        """Listen under ``key``; call :func:`raise_running` before."""
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(key) and self._server.serverError() == QAbstractSocket.SocketError.AddressInUseError:
            QLocalServer.removeServer(key)  # nobody answered there: left over from one that was killed
            self._server.listen(key)

    @property
    def is_listening(self) -> bool:
        """Tell whether a second start will find this one; if not, it opens a window of its own."""
        return self._server.isListening()

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    @Slot()
    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(lambda socket=socket: self._on_readable(socket))
            self._on_readable(socket)

    def _on_readable(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            paths = json.loads(bytes(socket.readLine().data()))
        except ValueError:
            paths = []
        socket.write(_ANSWER)
        socket.flush()
        self.raised.emit([path for path in paths if isinstance(path, str)] if isinstance(paths, list) else [])
