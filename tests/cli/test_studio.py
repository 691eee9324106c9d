"""The commands `studio` and `serve`: where they listen, what they print, what they refuse."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

TOKEN = "0123456789abcdef"


@pytest.fixture
def begun(home):
    """Starts a command, which is ended behind the test → its process and what it prints first."""
    started = []

    def begin(*words, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "sinddm_toolkit", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process, process.stdout.readline().rstrip()

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_the_page_begins_with_the_pictures_of_the_line_and_ends_by_ctrl_c(begun, pasted):
    process, address = begun("studio", "bg.png", "c.png", "--no-browser", "--port", "0")
    found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\?token=([\w-]{32})&open=(.*)", address)
    with httpx.Client(base_url=found[1]) as browser:
        assert browser.get("/").status_code == 401
        let_in = browser.get(address)
        assert let_in.headers["location"] == f"/?open={found[3]}"
        ids = found[3].split(",")
        names = [browser.get(f"/api/pictures/{given}").json()["name"] for given in ids]
        assert names == ["bg.png", "c.png"]
        (Path("bg.png")).write_bytes(b"changed")  # what was opened stays as it was
        kept = browser.get(f"/api/pictures/{ids[0]}/file").content
        assert kept.startswith(b"\x89PNG")
        with browser.stream("GET", "/api/events"):  # it would go on for ever
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_ends_in_order_when_it_is_asked_to_or_its_terminal_closes(begun, number):
    process, told = begun("serve", "--port", "0", SINDDM_TK_TOKEN=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", told.partition("/api/")[0] + "/api/events", headers=headers):
        process.send_signal(number)
        assert process.wait(20) == 0
    assert process.stderr.read() == "Ctrl-C ends it\n"


def test_a_token_of_ones_own_is_not_on_the_line(begun):
    _, told = begun("serve", "--port", "0", SINDDM_TK_TOKEN=TOKEN)
    address, _, shown = told.partition("/api/  Authorization: ")
    assert shown == f"Bearer {TOKEN}"
    asked = httpx.get(f"{address}/api/edits", headers={"Authorization": shown})
    assert (asked.status_code, asked.json()) == (200, [])


def test_one_server_at_a_time_has_the_studio(begun, command):
    begun("serve", "--port", "0")
    code, _, err = command("studio", "--no-browser")
    assert (code, err.count("\n")) == (2, 1)
    assert "another studio or server of yours is at work" in err


def test_a_port_that_is_taken_is_told(command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = command("serve", "--port", port)
    assert (code, err) == (
        2,
        f"sinddm-tk: cannot listen at 127.0.0.1 port {port}: Address already in use\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["studio", "nothing.png"], "nothing.png"),
        (["studio", "."], ". is a folder: give a file"),
        (["studio", "no.png"], "no.png is not a picture"),
        (["serve", "--token", "short"], "--token: give 16"),
        (["serve", "--host", "no.such.host.invalid"], "cannot listen at no.such.host.invalid"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_served(command, words, said):
    Path("no.png").write_text("no picture")
    code, out, err = command(*words, "--port", "0")
    assert (code, out) == (2, "")
    assert said in err and err.count("\n") == 1


def test_a_studio_without_a_place_is_told(home, command):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    code, _, err = command("serve", "--port", "0")
    assert (code, "there is no place for the studio" in err) == (2, True)


def test_the_server_never_imports_torch(home):
    asks = """
import sys
from starlette.testclient import TestClient
from sinddm_toolkit.studio.app import Studio, make_app
app = make_app(Studio(), token="t", port=80)
client = TestClient(app, base_url="http://localhost", headers={"Authorization": "Bearer t"})
for path in ("/api/tasks", "/api/presets", "/api/edits", "/api/openapi.json"):
    assert client.get(path).status_code == 200, path
given = client.post("/api/pictures", files={"file": open("bg.png", "rb")}).json()["id"]
assert client.get(f"/api/pictures/{given}/levels/0/0-0.png").status_code == 200
edit = {"task": "sample", "image": given}
assert client.post("/api/explain", json=edit).status_code == 200
print("torch" in sys.modules)
"""
    from tests.conftest import texture
    from tests.studio.conftest import png

    Path("bg.png").write_bytes(png(texture(60, 80)))
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
