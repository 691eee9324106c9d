"""`sinddm-tk studio` and `sinddm-tk serve`: a page on one's own machine, and HTTP for programs."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from sinddm_toolkit.cli.lines import tell
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.home import HOME_VARIABLE
from sinddm_toolkit.interrupts import listening as minding
from sinddm_toolkit.pictures.files import check_ordinary

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sinddm_toolkit.studio.app import Studio

TOKEN_VARIABLE = "SINDDM_TK_TOKEN"
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")
PORT = 7680
LOOPBACK = ("127.0.0.1", "::1", "localhost")
FEW_PORTS = 20


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    options = [
        click.option(
            "--host",
            default="127.0.0.1",
            show_default=True,
            metavar="ADDRESS",
            help="Where to listen; 0.0.0.0 lets other machines in, who still need the token.",
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            metavar="N",
            help=f"The port; if not given, {PORT} or the next that is free (0: any).",
        ),
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            metavar="TEXT",
            help=f"What whoever asks must know; drawn anew if not given. {TOKEN_VARIABLE} sets it "
            "too, and no list of processes then shows it.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("pictures", nargs=-1, metavar="[PICTURE…]", type=click.Path(path_type=Path))
@server_options
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
def studio(
    pictures: tuple[Path, ...], host: str, port: int | None, token: str | None, no_browser: bool
) -> None:
    """Open a page to draw masks, place objects, edit and choose. It is on this machine.

    It runs until Ctrl-C; what waits then goes on the next time.
    """
    serve_until_stopped(pictures, host, port, token, page=True, browser=not no_browser)


@click.command()
@server_options
def serve(host: str, port: int | None, token: str | None) -> None:
    """Offer edits to programs over HTTP: the studio without its page."""
    serve_until_stopped((), host, port, token, page=False, browser=False)


def serve_until_stopped(
    pictures: Sequence[Path],
    host: str,
    port: int | None,
    token: str | None,
    *,
    page: bool,
    browser: bool,
) -> None:
    """Listen, say where, and answer until a signal. UserError if that can't be."""
    from sinddm_toolkit.studio import app as apps

    if token is not None and not TOKEN.fullmatch(token):
        raise UserError("--token: give 16 letters, digits, . _ ~ or - at least")
    token = token or apps.new_token()
    with alone() as studio, listening(host, port) as listener:
        found = listener.getsockname()[1]
        opened = [_opened(studio, path) for path in pictures]
        app = apps.make_app(studio, token=token, host=host, port=found, page=page)
        address = address_of(host, found)
        shown = f"{address}/?token={quote(token)}" + (f"&open={','.join(opened)}" if opened else "")
        click.echo(shown if page else f"{address}/api/  Authorization: Bearer {token}")
        if host not in LOOPBACK:
            tell(f"note: whoever has the token can use it from other machines ({host}:{found})")
        tell("Ctrl-C ends it")
        if browser:
            threading.Thread(target=webbrowser.open, args=(shown,), daemon=True).start()
        answer(app, listener, studio.queue.leave)


@contextmanager
def alone() -> Iterator[Studio]:
    """The studio of this user, which one server at a time uses. UserError if another one does."""
    from filelock import FileLock, Timeout

    from sinddm_toolkit.studio.app import Studio

    try:
        studio = Studio()
        lock = FileLock(studio.folder / "lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            "another studio or server of yours is at work: use that one, or end it "
            f"({HOME_VARIABLE} names another place)"
        ) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UserError(f"there is no place for the studio: {where}{error.strerror}") from None
    try:
        yield studio
    finally:
        lock.release()


def answer(app: ASGIApp, listener: socket.socket, leave: Callable[[], None]) -> None:
    """Serve `app` at `listener` until a signal; `leave` then ends what would go on for ever."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            leave()
            super().handle_exit(sig, frame)

    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    config = uvicorn.Config(
        app, log_level="error", server_header=False, timeout_graceful_shutdown=5, lifespan="on"
    )
    server = Server(config)
    # It minds no closed terminal by itself; and what has ended it, it raises again in the end.
    with minding(lambda number: server.handle_exit(number, None)):
        server.run([listener])


def _opened(studio: Studio, path: Path) -> str:
    """The id of a picture that was named on the line. UserError if it is none."""
    check_ordinary(path)
    try:
        with path.open("rb") as file:
            return studio.pictures.add(file, path.name).id
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens there; without a port, at the first that is free. UserError."""
    wanted = [port] if port is not None else [*range(PORT, PORT + FEW_PORTS), 0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for one in wanted:
        # Unless the protocol is named, asyncio takes the socket for something else, and every
        # answer in two parts waits 40 ms for an acknowledgement (TCP_NODELAY is off).
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, one))
            found.listen(128)
        except (OSError, UnicodeError) as error:
            found.close()
            reason = getattr(error, "strerror", None) or str(error)
        else:
            return found
    raise UserError(f"cannot listen at {host} port {port or PORT}: {reason}")


def address_of(host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    if host in ("0.0.0.0", "::", "", "localhost"):
        host = "127.0.0.1" if host != "::" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
