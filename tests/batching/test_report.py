"""The report of a batch."""

import json
import os
import re
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest
from PIL import Image

from tests.batching.conftest import HANG, contents, report, sweep, wait_until
from tests.conftest import texture


def test_the_report(command, probe):
    grid = {"strength": [0.1, 0.2], "seed": [1, 2, 3]}
    rows = sweep(1, grid=grid) + sweep(1, "p1.png", fail=True, out="<bad>.png")
    Path("e.jsonl").write_text(rows)
    assert command("batch", "e.jsonl")[0] == 1
    lines = report()
    assert [row["row"] for row in lines] == list(range(1, 8))
    assert lines[3]["varied"] == {"strength": "0.2", "seed": "1"} and lines[3]["seed"] == 1
    assert lines[6]["status"] == "failed" and "as asked" in lines[6]["error"]
    page = Path("e-results/report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 7  # what is swept is shown once
    assert not re.findall(r'(?:src|href)="(?:https?:|//)', page) and "<script" not in page
    for label in ("strength = 0.1", "strength = 0.2", "seed = 3"):
        assert f"<th>{label}</th>" in page
    assert "<bad>" not in page and "as asked" in page
    chosen = re.search(r"presets save NAME \./(p0-probe-0.2-3.png)", page)[1]
    code, _, err = command("presets", "save", "chosen", f"e-results/{chosen}")
    assert code == 0, err
    saved = tomllib.loads(Path(command("presets", "path", "chosen")[1].strip()).read_text())
    assert saved == {"task": "probe", "strength": 0.2}
    Path("plain.jsonl").write_text(sweep(1))
    assert command("batch", "plain.jsonl")[0] == 0
    assert Path("plain-results/report.html").read_text().count("base64,") == 2  # before and after


@pytest.mark.parametrize(
    ("row", "where", "count"),
    [
        ({"glob": {"image": "p*.png"}, "grid": {"seed": [1, 2]}}, r"image = p\d", 3),
        ({"glob": {"image": "p[01].png"}, "grid": {"seed": [1, 2, 3]}}, r"image = p\d", 2),
        (
            {"glob": {"image": "p[01].png"}, "grid": {"seed": [1, 2], "strength": [0.1, 0.2]}},
            r"image = p\d</h2>\n*<table>\n<tr><th>",
            2,
        ),
    ],
)
def test_a_grid_shows_each_picture_once_before_its_edits(row, where, count, command, probe):
    Path("e.jsonl").write_text(json.dumps({"task": "probe", **row}))
    assert command("batch", "e.jsonl")[0] == 0
    page = Path("e-results/report.html").read_text()
    assert len(re.findall(where + '<img alt="before"', page)) == count
    pictures = {line["tasks"]["probe"]["image"] for line in report()}
    assert page.count('alt="before"') == len(pictures)
    assert page.count('alt="after"') == len(report())


@pytest.mark.parametrize("name", ["report.html", "report.jsonl"])
def test_a_report_of_somebody_else_is_not_replaced(name, command, probe):
    Path("e.jsonl").write_text(sweep(1, out="o.png"))
    Path(name).write_text("<!doctype html> mine")
    code, _, err = command("batch", "e.jsonl", "--folder", ".")
    assert code == 2 and f"{name} exists and is not" in err and len(err.splitlines()) == 1
    assert Path(name).read_text() == "<!doctype html> mine"
    assert not probe("begin") and not Path("o.png").exists() and not Path(".sinddm-batch").exists()
    Path(name).unlink()
    assert command("batch", "e.jsonl", "--folder", ".")[0] == 0
    assert command("batch", "e.jsonl", "--folder", ".")[0] == 0  # its own it replaces
    Path(name).write_text("mine, after that")
    code, _, err = command("batch", "e.jsonl", "--folder", ".")
    assert code == 2 and f"{name} exists and is not" in err
    assert Path(name).read_text() == "mine, after that"
    assert command("batch", "e.jsonl", "--folder", ".", "--overwrite")[0] == 0
    assert Path(name).read_text() != "mine, after that"


@pytest.mark.slow
def test_a_report_that_appears_meanwhile_is_kept(command, probe, batch_process):
    Path("e.jsonl").write_text(sweep(1, hold=True))
    process = batch_process()
    wait_until(lambda: probe("begin"), process)
    Path("e-results/report.html").write_text("mine")
    probe.let_all_go()
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 0 and "no report: " in err, err
    assert "report.html exists and is not" in err and "1 rows done" in err
    assert Path("e-results/report.html").read_text() == "mine" and len(contents()) == 1


class Page(HTMLParser):
    """What a browser would make of a report."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.codes, self._open = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, frozenset(name for name, _ in attrs)))
        self._open = tag
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        if self._open == "code":
            self.codes.append(data)
        self._open = ""


HOSTILE = [
    "javascript:alert(1)",
    "data:text,x",
    "a#b?c%41&amp;",
    "<img src=x onerror=alert(1)>",
    "\"q' onclick='x",
    "{{ 7 * 7 }}{% x %}",
    "$(touch harm) ; `touch harm` & x",
    "-x",
    "--help",
    "~root",
    "ünï codé",
    "two\nlines \x1b[31m",
    os.fsdecode(b"sur\xff"),
]


def targets(page, folder):
    """The files that the links lead to, as a browser follows them from the page."""
    base = (Path(folder).resolve() / "report.html").as_uri()
    found = [urlsplit(urljoin(base, link)) for link in page.links]
    assert all(url.scheme == "file" and not url.query and not url.fragment for url in found)
    return [Path(os.fsdecode(unquote_to_bytes(url.path))) for url in found]


def copied(codes, folder):
    """The words behind NAME as a shell in `folder` understands a command of the page."""
    stand_in = Path("bin", "sinddm-tk").resolve()
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    stand_in.chmod(0o755)
    how = {"cwd": folder, "env": {"PATH": f"{stand_in.parent}:{os.environ['PATH']}"}}
    for code in codes:
        said = subprocess.run(["sh", "-c", code], capture_output=True, check=True, **how)
        *words, path, end = said.stdout.decode().split("\0")
        assert words == ["presets", "save", "NAME"] and end == ""
        assert not path.startswith("-")
        yield Path(folder, path)


def test_the_page_is_safe_whatever_files_are_called(command, probe):
    Path("in").mkdir()
    for k, name in enumerate(HOSTILE):
        Image.fromarray(texture(40, 44, seed=k)).save("plain.png")
        Path("plain.png").rename(Path("in", f"{name}.png"))
    row = {"task": "probe", "glob": {"image": "in/*.png"}, "out": "hr/{image}-{seed}.png"}
    plain = {**row, "out": "pl/{image}.png", "seed": 1}
    for rows, name in (({**row, "grid": {"seed": [1, 2]}}, "grid"), (plain, "plain")):
        Path("e.jsonl").write_text(json.dumps({**rows, "denoiser": "closed-form"}))
        code, _, err = command("batch", "e.jsonl", "--folder", name, "--sampling-steps", 1)
        assert code == 0, err
        page = Page(Path(name, "report.html").read_text(encoding="utf-8"))
        written = {Path(path).resolve() for line in report(name) for path in line["outputs"]}
        assert set(targets(page, name)) == written and len(written) == len(page.links)
        assert all(path.is_file() for path in written)
        allowed = "html meta title style h1 h2 p table tr th td div figure figcaption b br a img"
        assert {tag for tag, _ in page.tags} <= {*allowed.split(), "small", "code"}
        assert not any(name.startswith("on") for _, names in page.tags for name in names)
        assert not Path(name, "harm").exists()
        if name == "grid":
            there = {path.resolve() for path in copied(page.codes, name)}
            strange = {path for path in written if not str(path).isprintable()}
            assert there == written - strange and len(strange) == 4
    code, out, err = command("batch", "e.jsonl", "--folder", "plain", "--dry-run")
    assert code == 0 and "pl/sur\\udcff.png" in out, err


def test_files_on_another_drive(command, probe, monkeypatch, tmp_path):
    real = os.path.relpath
    other = tmp_path / "D"

    def relpath(path, start=os.curdir):
        if Path(path).is_relative_to(other) != Path(start).resolve().is_relative_to(other):
            raise ValueError("path is on mount 'D:', start on mount 'C:'")
        return real(path, start)

    monkeypatch.setattr(os.path, "relpath", relpath)
    Path("e.jsonl").write_text(sweep(2, out=str(other / "{seed}.png")))
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and len(contents(other)) == 2, err
    page = Page(Path("e-results/report.html").read_text())
    assert targets(page, "e-results") == [other / "0.png", other / "1.png"]
    assert list(copied(page.codes, "e-results")) == [other / "0.png", other / "1.png"]
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "0 rows done, 2 done before" in err, err


def test_the_report_names_files_by_whole_paths(command, probe):
    Path("b").mkdir()
    rows = [
        {"task": "probe", "image": "../p0.png", "out": "o.png"},
        {"task": "probe", "glob": {"image": "../p*.png"}, "seed": 1},
    ]
    Path("b/e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("batch", "b/e.jsonl")[0] == 0
    found = report("b/e-results")
    for line, k in zip(found, (0, 0, 1, 2), strict=True):
        path = Path(line["tasks"]["probe"]["image"])
        assert path.is_absolute() and path.samefile(f"p{k}.png")
    assert found[0]["options"]["out"] == str(Path("b/o.png").resolve())
