"""A server on this machine that speaks the Hugging Face hub's protocol, as far as downloads need it, and misbehaves.

What it answers follows huggingface_hub 2.4 (``HfApi.model_info``, ``http_get``): the listing with sizes and checksums,
and files by byte ranges, large ones through a redirect to another address.
"""

import contextlib
import dataclasses
import hashlib
import http.server
import json
import re
import socket
import threading
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
from safetensors.numpy import save

from imgfind.core import presets

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"


@dataclass
class Hub:
    """Serves ``repositories`` (name -> file name -> bytes); the other fields make it misbehave, or say what it saw."""

    repositories: dict[str, dict[str, bytes]]
    cut_after: int | None = None
    """Break the connection after so many bytes of weights, once."""
    stall_after: int | None = None
    """Send so many bytes of weights, then nothing until the client goes."""
    status: dict[str, int] = field(default_factory=dict)
    """Answer requests for this file (or ``api``) with an error."""
    served: dict[str, bytes] = field(default_factory=dict)
    """Send other bytes than were announced for this file."""
    ignores_ranges: bool = False
    ranges: list[str | None] = field(default_factory=list)
    """The byte ranges asked of weights, in order; None where all was asked."""
    requests: list[str] = field(default_factory=list)
    authorisations: list[str | None] = field(default_factory=list)
    client_gone: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.hub.requests.append(path)
        self.hub.authorisations.append(self.headers.get("Authorization"))
        if listing := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._list(*listing.groups())
        elif file := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._send_file(*file.groups())
        elif blob := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._send_bytes(blob[2], self.hub.repositories[blob[1]][blob[2]])
        else:
            self._refuse(404)

    def _list(self, repository: str, revision: str | None) -> None:
        if status := self.hub.status.get("api"):
            self._refuse(status)
        elif repository not in self.hub.repositories:
            self._refuse(401, "RepoNotFound")  # the hub does not tell strangers whether there is one
        elif revision not in (None, "main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        else:
            files = self.hub.repositories[repository]
            siblings = [_described(name, data) for name, data in files.items()]
            self._answer(json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode())

    def _send_file(self, repository: str, revision: str, name: str) -> None:
        assert revision == COMMIT, "all files must come from one commit"
        if status := self.hub.status.get(name):
            self._refuse(status, "EntryNotFound" if status == 404 else None)
        elif _is_large(name):
            self.send_response(302)
            self.send_header("Location", f"/cdn/{repository}/{name}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send_bytes(name, self.hub.repositories[repository][name])

    def _send_bytes(self, name: str, data: bytes) -> None:
        data = self.hub.served.get(name, data)
        wanted = self.headers.get("Range")
        start = 0
        if wanted and not self.hub.ignores_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if name == WEIGHTS:
            self.hub.ranges.append(wanted)
            if self.hub.stall_after is not None:
                self._stall(data[start : self.hub.stall_after])
                return
            if self.hub.cut_after is not None:
                data, self.hub.cut_after = data[: self.hub.cut_after], None
                self.wfile.write(data[start:])
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
        self.wfile.write(data[start:])

    def _stall(self, data: bytes) -> None:
        self.wfile.write(data)
        with contextlib.suppress(ConnectionError):
            self.connection.recv(1)
        self.close_connection = True
        self.hub.client_gone.set()

    def _refuse(self, status: int, code: str | None = None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".gz"))


def _described(name: str, data: bytes) -> dict[str, object]:
    described: dict[str, object] = {
        "rfilename": name,
        "size": len(data),
        "blobId": hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest(),
    }
    if _is_large(name):
        described["lfs"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 134}
    return described


def model_files(*, tensor_bytes: int = 1_000_000, **text_cfg: object) -> dict[str, bytes]:
    """Return the files of a model that is complete, though its one tensor makes no network."""
    model_cfg = {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 32},
        "text_cfg": {"context_length": 16, **text_cfg},
    }
    noise = np.random.default_rng(0).integers(0, 256, tensor_bytes, np.uint8)
    return {
        "README.md": b"A model.\n",
        CONFIG: json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}).encode(),
        "open_clip_pytorch_model.bin": b"a pickle",
        WEIGHTS: save({"weight": noise}),
    }


def miniature_model(folder: Path) -> dict[str, bytes]:
    """Return the files of a model that runs: a very small ViT with random weights, made in ``folder``."""
    from imgfind.core.encode import torch_runtime

    torch_runtime.import_open_clip()
    import open_clip
    import torch
    from safetensors.torch import save_file

    model_cfg = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = open_clip.CLIP(**model_cfg).half().state_dict()
    save_file(weights, folder / WEIGHTS)
    configuration = json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}).encode()
    return {CONFIG: configuration, WEIGHTS: (folder / WEIGHTS).read_bytes()}


UNPINNED = """
import dataclasses
from imgfind.core import presets
presets.PRESETS = tuple(dataclasses.replace(preset, revision=None, sha256=None) for preset in presets.PRESETS)
"""
"""Prelude of a child that fetches from the test's hub, which has not the files the presets are pinned to."""


def pin(monkeypatch: pytest.MonkeyPatch, **pins: str | None) -> None:
    """Pin the standard preset to what the test's hub has; None takes a pin away."""
    changed = [dataclasses.replace(p, **pins) if p.title == "standard" else p for p in presets.PRESETS]
    monkeypatch.setattr(presets, "PRESETS", tuple(changed))
