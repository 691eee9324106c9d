"""The studio in this process, for what needs no worker; and as a process of its own."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from sinddm_toolkit.studio.app import Studio, make_app
from sinddm_toolkit.testing import drawn_picture
from tests.studio.browsing import browser_path

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
ADDRESS = "http://127.0.0.1:7680"


def png(pixels):
    """The bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


DRAWN = png(drawn_picture().pixels)
"""(60, 80): stripes with some grain."""
MASK = np.zeros((60, 80), np.uint8)
MASK[20:40, 30:50] = 255


@pytest.fixture
def studio(home):
    return Studio()


@pytest.fixture
def app(studio):
    return make_app(studio, token=TOKEN, port=7680)


@pytest.fixture
def client(app):
    """Asks the studio, whose worker is not started."""
    return TestClient(app, base_url=ADDRESS, headers=HEADERS, follow_redirects=False)


@pytest.fixture
def sent(client):
    """Sends a picture → its id."""

    def send(data=DRAWN, name="bg.png"):
        answer = client.post("/api/pictures", files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return send


class Server:
    """`sinddm-tk serve` with a home and a working folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        (folder / "work").mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "SINDDM_TK_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        self.start()

    def start(self, *words):
        line = [sys.executable, "-m", "sinddm_toolkit", "serve", "--port", "0", *words]
        self.process = subprocess.Popen(
            [*line, "--token", TOKEN],
            cwd=self.folder / "work",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "log").open("a"),
            text=True,
        )
        address = self.process.stdout.readline().partition("/api/")[0]
        self.client = httpx.Client(base_url=address, headers=HEADERS, timeout=60)

    def command(self, *words):
        """Runs a command line in its working folder."""
        line = [sys.executable, "-m", "sinddm_toolkit", *map(str, words)]
        done = subprocess.run(
            line, cwd=self.folder / "work", env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self):
        return (self.folder / "log").read_text()

    def send(self, data=DRAWN, name="bg.png"):
        answer = self.client.post("/api/pictures", files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def ask(self, **edit):
        """Asks for an edit → what is told of it."""
        answer = self.client.post("/api/edits", json=edit)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def state(self, edit):
        return self.client.get(f"/api/edits/{edit['id']}").json()

    def events(self, edit):
        """(type, data) of an edit, as they come, until it is over."""
        with self.client.stream("GET", f"/api/edits/{edit['id']}/events") as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))

    def over(self, edit):
        """What is told of an edit in the end."""
        return [data for kind, data in self.events(edit) if kind == "state"][-1]

    def training(self, edit):
        """Waits until some of a training has been made."""
        for kind, data in self.events(edit):
            if kind == "progress" and data["what"].startswith("learning") and data["done"] > 0:
                return
        raise AssertionError(f"it was over before: {self.state(edit)}")

    def cancel(self, edit):
        return self.client.post(f"/api/edits/{edit['id']}/cancel").json()

    def worker(self):
        """The number of the worker's process."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for number in " ".join(path.read_text() for path in children).split():
            if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                return int(number)
        raise AssertionError("there is no worker")

    def end(self, number=signal.SIGINT):
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def serving(folder):
    server = Server(folder)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def server(shared_server):
    """A server in a process of its own, which other tests use too; nothing runs on it."""
    yield shared_server
    for edit in shared_server.client.get("/api/edits").json():
        if edit["state"] in ("waiting", "running"):
            shared_server.cancel(edit)
            shared_server.over(edit)


def until(is_so):
    """Waits until something is so."""
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture(scope="package")
def chromium():
    """A browser that all tests of pages share."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def address(_sinddm_trained, sinddm_picture, tmp_path_factory):
    """The address of a studio's page: bg.png is open, its tiny model is there, so is a plugin."""
    from tests.studio.using import DUSK, SERVER

    root = tmp_path_factory.mktemp("panels")
    shutil.copytree(_sinddm_trained, root / "home" / "models")
    (root / "plugins").mkdir()
    (root / "plugins" / "dusk.py").write_text(DUSK)
    (root / "server.py").write_text(SERVER)
    Image.fromarray(sinddm_picture.pixels).save(root / "bg.png")
    environment = {
        **os.environ,
        "SINDDM_TK_HOME": str(root / "home"),
        "SINDDM_TK_PLUGINS_DIR": str(root / "plugins"),
    }
    line = [sys.executable, "server.py", "studio", "--no-browser", "--port", "0", "bg.png"]
    with subprocess.Popen(
        line, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        yield server.stdout.readline().strip()
        server.send_signal(signal.SIGINT)
        assert "Traceback" not in server.communicate(timeout=20)[1]


@pytest.fixture
def page(chromium, address):
    """The page, with its picture open and no edits; nothing in it may go wrong unheard."""
    from tests.studio.using import expect, forget_all

    context = chromium.new_context(viewport={"width": 1300, "height": 850})
    context.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    found = context.new_page()
    errors = []
    found.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    found.goto(address)
    expect(found.locator(".tab")).to_have_count(1)
    expect(found.locator("[data-task]").first).to_be_visible()
    yield found
    forget_all(found)
    context.close()
    assert errors == []
