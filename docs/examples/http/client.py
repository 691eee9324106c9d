"""Edits over HTTP, in thirty lines. It needs httpx."""

import json
from pathlib import Path

import httpx


class Studio:
    def __init__(self, address, token):
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=address, headers=headers, timeout=None)

    def edit(self, edit, pictures, tell=print):
        """Ask for `edit`, with paths by the options that they are for → results by their names."""
        files = [(option, Path(path)) for option, path in pictures.items()]
        parts = {option: (path.name, path.read_bytes()) for option, path in files}
        asked = json.dumps({**edit, **{option: option for option in parts}})
        state = self.ask("POST", "/api/edits", data={"edit": asked}, files=parts).json()
        with self.http.stream("GET", f"/api/edits/{state['id']}/events") as events:
            for line in events.iter_lines():  # they end when it is over
                if line.startswith("data: ") and "steps" in (told := json.loads(line[6:])):
                    tell(f"{told['what']}: {told['done']} of {told['steps']}")
        state = self.ask("GET", f"/api/edits/{state['id']}").json()
        if state["state"] != "done":
            raise RuntimeError(state["error"] or state["state"])
        place, names = f"/api/edits/{state['id']}", [one["name"] for one in state["results"]]
        return {name: self.ask("GET", f"{place}/results/{name}").content for name in names}

    def ask(self, method, path, **what):
        answer = self.http.request(method, path, **what)
        if answer.is_error:
            raise RuntimeError(answer.json()["error"])
        return answer
