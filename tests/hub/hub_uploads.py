"""The uploading half of the hub on this machine: what huggingface_hub asks for to make a commit.

POST /api/repos/create                          a new repository; 409 if it exists
POST /api/validate-yaml                         the front matter of README.md
POST /api/models/OWNER/NAME/preupload/REV       which files are large
POST /OWNER/NAME.git/info/lfs/objects/batch     where to put large files
PUT  /cdn/SHA256                                their contents
POST /api/models/OWNER/NAME/commit/REV          lines of JSON: the commit
"""

import base64
import json
import re

from tests.hub.hub_server import COMMIT, LARGE, Handler, sha256

TOKEN = "hf_may_write"


class UploadHandler(Handler):
    """Accepts uploads with TOKEN, and refuses all others with 403 and a reason."""

    large: dict[str, bytes] = {}  # contents that were put, by sha256

    def do_PUT(self):
        content = self._body()
        self.large[sha256(content)] = content
        self._answer(200)

    def do_POST(self):
        hub, content = self.server.hub, self._body()
        hub.asked.append(("POST", self.path, None))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._json(403, {"error": "this token may only read"})
        if self.path == "/api/repos/create":
            return self._create(json.loads(content))
        if self.path == "/api/validate-yaml":
            text = json.loads(content)["content"]
            passed = re.match(r"---\n(\w+: [\w.-]+\n)+---\n", text)
            errors = [] if passed else [{"message": "no front matter"}]
            return self._json(200 if passed else 400, {"errors": errors, "warnings": []})
        if re.fullmatch(r"/api/models/[^/]+/[^/]+/preupload/main", self.path):
            names = [file["path"] for file in json.loads(content)["files"]]
            return self._json(200, {"files": [
                {"path": name, "uploadMode": "lfs" if name.endswith(LARGE) else "regular",
                 "shouldIgnore": False}
                for name in names
            ]})  # fmt: skip
        if self.path.endswith(".git/info/lfs/objects/batch"):
            place = f"http://localhost:{self.server.server_port}/cdn/"
            return self._json(200, {"transfer": "basic", "objects": [
                {**found, "actions": {"upload": {"href": place + found["oid"]}}}
                for found in json.loads(content)["objects"]
            ]})  # fmt: skip
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            return self._commit(found[1], [json.loads(line) for line in content.splitlines()])
        return self._answer(404)

    def _create(self, asked):
        hub, repository = self.server.hub, f"{asked['organization']}/{asked['name']}"
        if asked["organization"] == "somebody":
            return self._json(403, {"error": "You don't have the rights to create a model there"})
        known = repository in hub.repositories
        hub.repositories.setdefault(repository, {})
        if not known and asked["visibility"] == "private":
            hub.private.add(repository)
        return self._json(409 if known else 200, {"url": f"{hub.url}/{repository}"})

    def _commit(self, repository, lines):
        files = self.server.hub.repositories[repository]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
        url = f"{self.server.hub.url}/{repository}/commit/{COMMIT}"
        return self._json(200, {"commitUrl": url, "commitOid": COMMIT, "success": True})

    def _json(self, status, value):
        body = json.dumps(value).encode()
        return self._answer(status, {"Content-Type": "application/json"}, body)

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)
