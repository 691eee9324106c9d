"""What a published project has beside its code: it is whole, valid, and says what is so."""

import ast
import contextlib
import importlib.util
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from packaging.requirements import Requirement
from ruamel.yaml import YAML

import sinddm_toolkit

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = [*sorted(ROOT.glob("C*.md")), *sorted(GITHUB.glob("*.md"))]

FORMS = {
    "citation-file-format": [ROOT / "CITATION.cff"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "github-issue-forms": [GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "wish")],
    "github-workflows": sorted((GITHUB / "workflows").glob("*.yml")),
}


def read(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def test_the_forms_of_others_are_kept():
    for schema, paths in FORMS.items():
        words = ["--builtin-schema", f"vendor.{schema}", *map(str, paths)]
        done = CliRunner().invoke(check_jsonschema, words)
        assert done.exit_code == 0, done.output
    assert {path for paths in FORMS.values() for path in paths} >= set(GITHUB.rglob("*.yml"))


def test_there_is_one_version():
    version = sinddm_toolkit.__version__
    told = re.findall(
        r"^## \[(.*?)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert told[0][0] == version and [day for _, day in told] == sorted(
        (day for _, day in told), reverse=True
    )
    assert read(ROOT / "CITATION.cff")["version"] == version
    assert metadata.version("sinddm-toolkit") == version


def test_the_pythons_that_are_tried_are_those_that_are_told():
    tried = read(GITHUB / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"][
        "python"
    ]
    told = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert tried == told and PROJECT["requires-python"] == f">={tried[0]}"


def test_workflows_and_hooks_run_what_is_there():
    for path in FORMS["github-workflows"]:
        text = path.read_text()
        for name in re.findall(r"(?<![\w/])\.ci/\w+", text):
            assert (ROOT / name).is_file()
        for extras in re.findall(r"'\.\[(.*?)\]'", text):
            assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    for hook in read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]:
        program, *words = hook["entry"].split()
        wanted = [Requirement(one).name for one in PROJECT["optional-dependencies"]["dev"]]
        assert program in (*wanted, "python")
        assert all((ROOT / word).is_file() for word in words if word.endswith(".py"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_pages_name_is_there(path):
    text = path.read_text()
    for target, _, heading in re.findall(r"\]\((?!http)([^)#]*)(#([^)]*))?\)", text):
        page = path.parent / target if target else path
        assert page.exists(), target
        names = [re.sub(r"[^\w\- ]", "", name.lower()) for name in headings(page)]
        assert not heading or heading in [name.replace(" ", "-") for name in names], heading
    for name in re.findall(r"`((?:\.?[\w-]+/)+[\w.-]*)`", text):
        places = (ROOT, ROOT / "sinddm_toolkit")
        assert any((place / name).exists() for place in places), name


def headings(page):
    return re.findall(r"^#+ (.*)$", page.read_text(), re.M) if page.suffix == ".md" else []


def imported(path):
    """The packages from elsewhere that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        yield from {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_what_is_imported_is_declared():
    """As a dependency, or as an extra by what says so if it is missing."""
    extras = PROJECT["optional-dependencies"]
    declared = {*PROJECT["dependencies"]}
    declared |= {one for name in extras.keys() - DEVELOPMENT for one in extras[name]}
    found = {"sinddm_toolkit", "huggingface_hub", "dask"}  # come with open_clip and distributed
    found |= {"pytest", "IPython"}  # are there when they ask for what imports them
    for one in declared:
        found |= modules(Requirement(one).name)
    for place in ("sinddm_toolkit", "plugins"):
        for path in (ROOT / place).rglob("*.py"):
            assert {*imported(path)} <= found, path


DEVELOPMENT = {"bench", "dev", "docs", "test"}


def modules(name):
    """The names that a distribution is imported by; a guess, if it is not installed."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return {name.replace("-", "_")}
    told = (distribution.read_text("top_level.txt") or "").split()  # torch has 13,000 files
    return {*(told or (file.parts[0].partition(".")[0] for file in distribution.files))}


PLACES = re.compile(r"(?<![\w.:/-])/(?=(?:source|wheels|data|pictures)\b)")
"""Where the container's own folders stand in its steps."""


def steps(path):
    """(instruction, rest) of each step of a Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        yield tuple(line.split(maxsplit=1))


def linked_environment(folder, *words):
    """An environment with what is declared, as `.ci/packages` makes it."""
    spec = importlib.util.spec_from_file_location("linked", ROOT / ".ci" / "linked_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make(folder, *words)


def copied(target):
    """What `.dockerignore` leaves of the clone."""
    first, *patterns = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in "#"
    ]
    assert first == "*"
    unwanted = [pattern.removeprefix("**/") for pattern in patterns if pattern[0] != "!"]
    for pattern in patterns:
        source = ROOT / pattern.removeprefix("!")
        if pattern[0] == "!" and source.is_dir():
            leave = shutil.ignore_patterns(*unwanted)
            shutil.copytree(source, target / source.relative_to(ROOT), ignore=leave)
        elif pattern[0] == "!":
            (target / source.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.relative_to(ROOT))


def get(address, token):
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_the_steps_of_the_container_work(tmp_path):
    """As far as they do without one: its folders are elsewhere, and what the network would bring
    is there already. Then it is started as its last lines say, and asked as a browser would."""
    python, root, tools = tmp_path / "venv" / "bin" / "python", tmp_path, tmp_path / "tools"
    linked_environment(tmp_path / "venv", "sinddm-toolkit", ["setuptools"])
    tools.mkdir()
    shims = {"pip": f'exec "{sys.executable}" -m pip --python "{python}" "$@"', "useradd": "exit"}
    for name, line in shims.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}
    around = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(root)}
    stages, told, settings = [], {}, {}
    for word, rest in steps(ROOT / "Dockerfile"):
        here = PLACES.sub(f"{root}/", rest)
        if word == "FROM":
            stages.append(rest.split()[0])
        elif word == "COPY" and "--from" not in rest:
            assert rest == ". /source"
            copied(root / "source")
        elif word == "RUN":
            subprocess.run(here, shell=True, check=True, env=around | offline, cwd=root)
        elif word == "ENV":
            settings |= dict(pair.split("=") for pair in here.split())
        else:
            told[word] = rest
    assert len(set(stages)) == 1 and told["USER"] not in ("root", "0")
    assert Path(settings["SINDDM_TK_HOME"]) == root / told["VOLUME"].strip("/")
    assert not (root / "wheels").exists() and (root / "source" / "pyproject.toml").exists()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*json.loads(told["ENTRYPOINT"]), *json.loads(told["CMD"])]
    inside = around | settings | {"PATH": f"{python.parent}:/usr/bin:/bin"}
    assert told["EXPOSE"] in words
    words = [str(port) if word == told["EXPOSE"] else word for word in words]
    healthy = json.loads(
        told["HEALTHCHECK"].partition("CMD ")[2].replace(told["EXPOSE"], str(port))
    )
    where = {"env": inside, "cwd": root / told["WORKDIR"].strip("/")}
    assert subprocess.run(healthy, **where, capture_output=True).returncode != 0
    with subprocess.Popen(words, **where, stdout=subprocess.PIPE, text=True) as studio:
        token = re.fullmatch(rf"http://127.0.0.1:{port}/\?token=(\S+)\n", studio.stdout.readline())
        address = f"http://127.0.0.1:{port}/api/tasks"
        assert get(address, token[1]) and get(address, "another-token-altogether") is None
        assert subprocess.run(healthy, **where).returncode == 0
        studio.send_signal(signal.SIGTERM)  # `docker stop`
        assert studio.wait(60) == 0
    assert (root / "data" / "studio").is_dir()
