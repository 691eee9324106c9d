"""What the documents show must work."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image
from sinddm_toolkit.plugins import demo

from sinddm_toolkit import errors
from sinddm_toolkit.cli.root import build_cli
from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.edits.edit import EditResult
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import COMMAND_LINE
from sinddm_toolkit.settings.request import make_tasks, one_run

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def headings(path):
    """Of a page, as links name them."""
    titles = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M), re.M
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_commands_exist(path):
    text = path.read_text()
    for target, heading in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        assert not heading or heading in headings(linked), f"{target}#{heading}"
    if path.name in ("plugin-tutorial.md", "writing-plugins.md") or "examples" in path.parts:
        return  # of plugins that are not there; tests of their own run them
    cli = build_cli()
    context = click.Context(cli)
    for line in re.findall(r"sinddm-tk ((?:[a-z]+)(?: [a-z][a-z-]*)?)([^\n`]*)", text):
        words = line[0].split()
        found = cli.get_command(context, words[0])
        assert found is not None, line
        if words[0] == "run" and words[1:]:
            assert words[1] in registry.current().tasks
            together = [words[1], *re.findall(r" \+ ([a-z-]+)", line[1])]
            known = {
                param
                for name in together
                for opt in cli.get_command(context, "run").get_command(context, name).params
                for param in opt.opts
            }
            for flag in re.findall(r"(--[a-z-]+)", line[1]):
                assert flag in known | {"--plugins-dir", "--no-plugin", "--debug", "--help"}, flag


def recipes():
    """Title → the lines of a recipe, and what to turn, as words to be put behind the first line."""
    found = {}
    for part in (ROOT / "docs" / "how-to.md").read_text().split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        lines = re.findall(r"^    sinddm-tk (run .+)$", text, re.M)
        turns = re.findall(r"`(--[a-z-]+ [^`]+)`", text)
        if lines:
            found[title] = lines, turns
    return found


def test_every_recipe_and_what_it_says_to_turn_is_understood(home, monkeypatch):
    monkeypatch.setenv("SINDDM_TK_CLIP", str(ROOT / "tests" / "small_clip" / "small_clip.json"))
    names = set(re.findall(r"[\w-]+\.(?:jpg|png)", str(recipes())))
    for name in names:
        mode = "RGBA" if name == "dog.png" else "RGB"
        Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 9).convert(mode).save(name)
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "my-look.toml").write_text('task = "harmonize"\nstrength = 0.4\n')
    instead = {"--composite pasted.png": r" --object dog.png --at \S+ --scale \S+"}
    for title, (lines, turns) in recipes().items():
        for turn in ["", *turns]:
            for line in lines[:1] if turn else lines:
                line = re.sub(instead[turn], "", line) if turn in instead else line
                parts = parts_of_line(shlex.split(f"{line} {turn}")[1:])
                tasks, _ = make_tasks(one_run(parts, COMMAND_LINE))
                assert tasks, title
                for task in tasks:
                    task.check()


@pytest.mark.slow
def test_the_tutorial_works_from_its_top_to_its_bottom(command, tiny, tmp_path, monkeypatch):
    Image.open(demo.BACKGROUND).reduce(3).save(tmp_path / "small.png")
    monkeypatch.setattr(demo, "BACKGROUND", tmp_path / "small.png")
    monkeypatch.setattr(demo, "HEIGHT", demo.HEIGHT // 3)
    monkeypatch.setattr(demo, "POSITION", (40, 8))
    text = (ROOT / "docs" / "tutorial.md").read_text()
    install, activate, enter, *lines = re.findall(r"^\$ (.+)$", text, re.M)
    assert install in (ROOT / "README.md").read_text() and install.endswith("sinddm-tk demo demo")
    assert command("demo", "demo")[0] == 0
    assert (activate, enter) == (". .venv/bin/activate", "cd demo")
    os.chdir("demo")
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "sinddm-tk"
        if words[0] == "studio":
            opens_a_page(words)
            continue
        code, _, err = command(*words)
        assert code == 0, err
    named = set(re.findall(r"`([\w-]+\.png)`", text)) - {"mask.png"}
    assert {f"wider-{number}.png" for number in (1, 4)} | {"wider-sheet.png"} <= named
    assert all(Path(name).exists() for name in named)
    before, after, without = (
        read_picture(name).pixels for name in ("pasted.png", "replayed.png", "demo-bg.png")
    )
    assert (before == after).all() and (before != without).any()
    changed = (read_picture("moonless.png").pixels != without).any(axis=2)
    assert changed[:20, 70:].any() and not changed[:, :54].any() and not changed[36:].any()


def opens_a_page(words):
    """The studio of that line prints an address, at which it asks for its token."""
    line = [sys.executable, "-m", "sinddm_toolkit.cli", *words, "--no-browser", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True) as process:
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert re.match(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+&open=\w+", address), address


@pytest.mark.slow
def test_the_batches_of_the_guide_run(command, pasted, tiny):
    text = (ROOT / "docs" / "batch.md").read_text()
    blocks = dict(reversed(re.findall(r"```(\w+)\n(.*?)```", text, re.S)))
    picture = ROOT / "docs" / "images" / "seascape.png"
    shutil.copy(picture, "seascape.png")
    for folder in ("pastes", "masks"):
        Path(folder).mkdir()
    for name in ("boat.png", "gull.png", "pastes/a.png", "pastes/b.png"):
        pasted_in = Image.open(picture).convert("RGB")
        pasted_in.paste((200, 30, 30), (50, 60, 90, 80))
        pasted_in.save(name)
    mask = Image.new("L", pasted_in.size)
    mask.paste(255, (45, 55, 95, 85))
    for name in ("masks/a.png", "masks/b.png"):
        mask.save(name)
    Path("edits.toml").write_text(blocks["toml"])
    code, out, err = command("batch", "edits.toml", "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert len(plan["rows"]) == 1 + 2 + 6 + 1
    names = [Path(path).name for row in plan["rows"] for path in row["outputs"]]
    assert "boat-harmonize-15-6.png" in names and "boat-harmonize-15-6.png" in text
    assert {"a.png", "b.png"} <= set(names)
    Path("edits.csv").write_text(blocks["csv"])
    code, out, err = command("batch", "edits.csv", "--explain")
    assert code == 0, err
    Image.open("bg.png").save("picture.png")
    exec(blocks["python"].replace("jobs=2", "jobs=1"), {})
    assert len(list(Path("variants").glob("*.png"))) == 2


def test_the_page_for_scripts_tells_all():
    """Every variable of the environment and every exit code."""
    text = (ROOT / "docs" / "scripting.md").read_text()
    read = [
        path for place in ("sinddm_toolkit", "plugins") for path in (ROOT / place).rglob("*.py")
    ]
    variables = {
        name for path in read for name in re.findall(r"(?<!_)SINDDM_TK_[A-Z_]+", path.read_text())
    }
    assert variables == set(re.findall(r"^\| `(SINDDM_TK_[A-Z_]+)`", text, re.M))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert f"{128 + number}" in text


def test_the_page_for_python_tells_all():
    """Every error, and what there is of a result."""
    text = (ROOT / "docs" / "python.md").read_text()
    kinds = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    for name, kind in kinds.items():
        told = f"`{name}` ({kind.exit_code})" if kind is not errors.ToolkitError else f"`{name}`"
        assert told in text
    fields = {name for name in {*vars(EditResult), *EditResult.__annotations__} if name[0] != "_"}
    assert fields - {"to_json"} <= set(re.findall(r"`(\w+)[`(]", text))


@pytest.mark.slow
def test_the_page_for_python_runs_from_top_to_bottom(pasted, tiny, capsys, monkeypatch):
    monkeypatch.setattr(Image.Image, "show", lambda image: None)
    text = (ROOT / "docs" / "python.md").read_text()
    place = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(block, "python.md", "exec"), place)
    assert (
        place["again"].image.tobytes()
        == place["st"].run("harmonize", bg="bg.png", composite="c.png", seed=1).image.tobytes()
    )
    assert place["film"].startswith(b"GIF89a") and place["watch"].sizes
    told = capsys.readouterr().out
    assert "harmonize 1 " in told and "100%" in told and "clean-removal  (inpaint" in told
    written = sorted(path.name for path in Path().iterdir())
    assert written == ["bg.png", "c.png", "darker.png", "draft.png", "less-red.png"]
