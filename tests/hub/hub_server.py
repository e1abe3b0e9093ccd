"""A hub on this machine: the routes, headers and redirects that huggingface_hub relies on.

GET  /api/models/OWNER/NAME[/revision/REV]     commit, files with their hashes, licence
HEAD, GET /OWNER/NAME/resolve/REV/FILE         small files; of large ones a redirect to
HEAD, GET /cdn/SHA256                          their contents, by range
"""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".bin", ".pth", ".pt", ".pkl", ".safetensors")  # kept by sha256; git keeps the others


class Hub:
    """What the server has and how it behaves.

    Attributes:
      repositories: "owner/name" -> {file: contents}, all at one commit.
      renamed: old name -> new name.
      cut_at: the next large file is cut after so many bytes.
      garbled: sha256 of large files whose contents arrive changed.
      asked: (method, path, Range header) of all requests.
      private: "owner/name" of the repositories that only their owners see.
    """

    def __init__(self):
        self.repositories, self.renamed = {}, {}
        self.cut_at, self.garbled, self.asked = None, set(), []
        self.licence, self.private = "mit", set()

    @property
    def ranges(self):
        """Range headers of all requests that had one."""
        return [found for _, _, found in self.asked if found]


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path, self.headers.get("Range")))
        for old, new in hub.renamed.items():
            if f"/{old}" in path:
                return self._answer(307, {"Location": path.replace(old, new)})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/(.+))?", path):
            return self._info(found[1], found[3])
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(*found.groups())
        if path.startswith("/cdn/"):
            return self._large(path.removeprefix("/cdn/"))
        return self._answer(404)

    def _info(self, repository, revision):
        files = self.server.hub.repositories.get(repository)
        if files is None:
            return self._answer(404, {"X-Error-Code": "RepoNotFound"})
        if revision not in (None, "main", COMMIT):
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        siblings = []
        for name, content in files.items():
            found = {"rfilename": name, "size": len(content), "blobId": git_hash(content)}
            if name.endswith(LARGE):
                size = len(content)
                found["lfs"] = {"sha256": sha256(content), "size": size, "pointerSize": 130}
            siblings.append(found)
        licence = {"license": self.server.hub.licence}
        info = {"id": repository, "sha": COMMIT, "siblings": siblings, "cardData": licence}
        info["private"] = repository in self.server.hub.private
        body = json.dumps(info).encode()
        return self._answer(200, {"Content-Type": "application/json"}, body)

    def _file(self, repository, revision, name):
        content = self.server.hub.repositories.get(repository, {}).get(name)
        if content is None:
            return self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        if name.endswith(LARGE):
            headers = {
                "X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256(content)}"',
                "X-Linked-Size": str(len(content)),
                # another name of this machine: redirects within one host count as renamed
                "Location": f"http://localhost:{self.server.server_port}/cdn/{sha256(content)}",
            }  # fmt: skip
            return self._answer(302, headers)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(content)}"'}
        return self._answer(200, headers, content)

    def _large(self, wanted):
        hub = self.server.hub
        contents = [c for files in hub.repositories.values() for c in files.values()]
        content = next(c for c in contents if sha256(c) == wanted)
        if wanted in hub.garbled:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status, headers = 200, {"ETag": f'"{wanted}"', "Accept-Ranges": "bytes"}
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start, whole = int(found[1]), len(content)
            status, content = 206, content[start:]
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if self.command == "GET" and hub.cut_at is not None:
            cut, hub.cut_at = hub.cut_at, None
            self.close_connection = True
            return self._answer(status, headers, content[:cut], size=len(content))
        return self._answer(status, headers, content)

    def _answer(self, status, headers=None, body=b"", size=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(size or len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass
