"""The page's functions, asked as its own JavaScript asks them."""

import itertools
import json

_SESSIONS = itertools.count()


class PageClient:
    """A visitor of the page of a test's server."""

    def __init__(self, client):
        self.client = client
        self.config = client.get("/config").json()
        self.session = f"session{next(_SESSIONS)}"

    def upload(self, name, content):
        """What the page knows of an uploaded file."""
        answer = self.client.post("/gradio_api/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return file_data(answer.json()[0])

    def ask(self, tab, label, data, event="click"):
        """The outputs of the function of a button or slider, one list each time that it gave
        some."""
        answer = self.join(tab, label, data, event)
        if answer.status_code != 200:
            return answer
        where = f"/gradio_api/queue/data?session_hash={self.session}"
        with self.client.stream("GET", where) as lines:
            found = [json.loads(x[6:]) for x in lines.iter_lines() if x.startswith("data: ")]
        found = [message for message in found if message["msg"].startswith("process_")]
        return [m["output"]["data"] for m in found if m.get("output", {}).get("data")]

    def join(self, tab, label, data, event="click"):
        """Asks alone: a call of `ask` that still waits gets the outputs."""
        index = self._function(tab, label, event)
        asked = {"data": data, "fn_index": index, "session_hash": self.session}
        return self.client.post("/gradio_api/queue/join", json=asked)

    def _function(self, tab, label, event):
        """The number of the function that a part of a tab calls."""
        names = {c["id"]: (c["type"], c["props"]) for c in self.config["components"]}
        (inside,) = (
            node for node in _nodes(self.config["layout"])
            if names.get(node["id"], ("",))[0] == "tabitem" and names[node["id"]][1]["label"] == tab
        )  # fmt: skip
        ids = {node["id"] for node in _nodes(inside)}
        found = next(
            number for number, function in enumerate(self.config["dependencies"])
            for id, name in function["targets"]
            if id in ids and name == event and label in _labels(names[id][1])
        )  # fmt: skip
        return self.config["dependencies"][found]["id"]


def file_data(path):
    """A file as the page's JavaScript names it."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def _labels(props):
    return (props.get("value"), props.get("label"))


def _nodes(node):
    yield node
    for child in node.get("children", ()):
        yield from _nodes(child)
