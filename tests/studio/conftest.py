"""A studio and a client that knows its token."""

import pytest
from starlette.testclient import TestClient

from sinddm_toolkit.studio.app import Studio, make_app

TOKEN = "a-token-of-sixteen-letters"


@pytest.fixture
def studio(home):
    return Studio()


@pytest.fixture
def client(studio):
    """Asks the studio as a program does. No edit is carried out: there is no worker."""
    app = make_app(studio, token=TOKEN, port=80)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(app, base_url="http://127.0.0.1:80", headers=headers)
