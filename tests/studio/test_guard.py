"""Who may ask the studio, and what every answer has with it."""

import pytest
from starlette.testclient import TestClient

from sinddm_toolkit.studio.app import Studio, make_app
from sinddm_toolkit.studio.guard import Hosts
from tests.studio.conftest import ADDRESS, HEADERS, TOKEN

PATHS = ["/", "/static/index.html", "/api/pictures", "/api/edits", "/api/events", "/nowhere"]


@pytest.fixture
def stranger(app):
    return TestClient(app, base_url=ADDRESS, follow_redirects=False)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shown", ["", "Bearer wrong", "Basic eDp5", f"Bearer {TOKEN}x"])
def test_nothing_is_told_without_the_token(stranger, path, shown):
    answer = stranger.get(path, headers={"Authorization": shown})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_address_of_the_page_lets_a_browser_in_and_then_hides_the_token(stranger):
    answer = stranger.get("/", params={"token": TOKEN, "open": "abc"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?open=abc")
    kept = answer.headers["set-cookie"]
    assert "HttpOnly" in kept and "SameSite=strict" in kept
    assert stranger.get("/api/edits").status_code == 200  # it has kept the cookie


def test_a_wrong_token_in_the_address_lets_nobody_in(stranger):
    answer = stranger.get("/", params={"token": "wrong"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7680", "127.0.0.1", "127.0.0.1:80", "localhost:76800"]
)
def test_a_host_that_is_not_the_servers_is_refused_with_the_token_too(client, host):
    # After DNS rebinding a page of evil.example speaks to 127.0.0.1, but calls it by its own name.
    assert client.get("/api/edits", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7680", "localhost:7680", "LOCALHOST:7680", "[::1]:7680"]
)
def test_the_server_has_the_names_of_this_machine(client, host):
    assert client.get("/api/edits", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:7680",
        "http://127.0.0.1:9",
        "http://x@[::1]",
    ],
)
def test_another_sites_page_is_refused(client, origin):
    answer = client.post("/api/edits", headers={"Origin": origin}, json={})
    assert answer.status_code == 403


def test_the_page_itself_is_let_through(client):
    answer = client.get("/api/edits", headers={"Origin": ADDRESS})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS[:4] + PATHS[5:])
def test_every_answer_has_the_safe_headers(client, stranger, path):
    for answer in (client.get(path), stranger.get(path)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


def test_an_open_server_takes_numbers_and_its_own_name_but_no_other():
    hosts = Hosts("0.0.0.0", 80)
    assert hosts.has("192.168.1.7") and hosts.has("[fe80::1]:80") and hosts.has("localhost:80")
    assert not hosts.has("evil.example") and not hosts.has("192.168.1.7:81")
    assert not Hosts("127.0.0.1", 80).has("192.168.1.7")


def test_a_server_for_programs_has_no_page(home):
    app = make_app(Studio(), token=TOKEN, port=7680, page=False)
    with_token = TestClient(app, base_url=ADDRESS, headers=HEADERS)
    for path in ("/", "/static/index.html", "/static/app.js"):
        assert with_token.get(path).status_code == 404


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "%00", "nothing.js", ""]
)
def test_only_what_the_page_is_made_of_is_served(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_a_failure_is_told_in_a_line_and_logged_in_full(app, caplog, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("secret")

    monkeypatch.setattr("sinddm_toolkit.studio.queue.Queue.listed", fail)
    answer = TestClient(app, base_url=ADDRESS, headers=HEADERS).get("/api/edits")
    assert answer.status_code == 500
    assert "bug of ours" in answer.json()["error"] and "secret" not in answer.text
    assert "secret" in caplog.text
    assert "content-security-policy" in answer.headers
