"""The rows that a batch file stands for, and what is refused."""

import json
from pathlib import Path

import pytest

from sinddm_toolkit.batching.rows import Overrides, rows_of
from sinddm_toolkit.batching.sources import source_of
from sinddm_toolkit.errors import UserError

TOML = """
[defaults]
task = "harmonize"
bg = "bg.png"

[[row]]
composite = "c.png"
start-step = 8
out = "o.png"

[[row]]
task = "sample"
image = "bg.png"
quality = "standard"
size = "2x1"
"""


JSON_LINES = """
{"defaults": {"quality": "draft"}}
{"task": "harmonize", "bg": "bg.png", "composite": "c.png", "start-step": 8, "out": "o.png"}

{"task": "sample", "image": "bg.png", "quality": "standard", "size": "2x1", "seed": null}
"""


CSV = """task,bg,composite,start-step,out,image,quality,size
harmonize,bg.png,c.png,8,o.png,,draft,
sample,,,,,bg.png,standard,2x1
"""


def rows(name, text, **overrides):
    Path("b").mkdir(exist_ok=True)
    Path("b", name).write_text(text)
    found = list(rows_of(source_of(Path("b", name)), Overrides(**overrides)))
    for one in found:
        if isinstance(one, UserError):
            raise one
    return found


def values(row):
    """What a row sets, as (task, option) → value."""
    found = {(task, k): s.value for task, own in row.layer.tasks.items() for k, s in own.items()}
    return found | {("", k): s.value for k, s in row.layer.run.items()}


def test_three_formats_say_the_same(home):
    text = TOML.replace("[[row]]", "[[row]]\nquality = 'draft'", 1).replace('bg = "bg.png"\n', "")
    text = text.replace('composite = "c.png"', 'bg = "bg.png"\ncomposite = "c.png"')
    by_toml, by_json, by_csv = (
        [{key: str(value) for key, value in values(row).items()} for row in rows(name, content)]
        for name, content in (("e.toml", text), ("e.jsonl", JSON_LINES), ("e.csv", CSV))
    )
    assert by_toml == by_json == by_csv
    assert by_toml[0] == {
        ("harmonize", "bg"): "b/bg.png",
        ("harmonize", "composite"): "b/c.png",
        ("harmonize", "start_step"): "8",
        ("", "out"): "b/o.png",
        ("", "quality"): "draft",
    }


def test_layers_of_a_row(home):
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "low.toml").write_text("task = 'sample'\nquality = 'paper'\nmax-pixels = 3000\n")
    (folder / "high.toml").write_text("task = 'sample'\nsize = '3x1'\nsamples = 4\n")
    (Path("b")).mkdir()
    Path("b/beside.toml").write_text("extends = 'low'\nsize = '2x1'\n")
    text = (
        "[defaults]\nimage = 'i.png'\nquality = 'standard'\n[[row]]\npreset = 'low'\n"
        "[[row]]\npreset = 'beside.toml'\nmax-pixels = 5000\n"
    )
    first, second = rows("e.toml", text, run={"samples": 2}, texts={"size": "7x7"})
    assert str(values(first)["sample", "size"]) == "7x7" and values(first)["", "samples"] == 2
    assert values(first)["", "quality"] == "standard"  # rows and their defaults go over presets
    assert (values(first)["", "max_pixels"], values(second)["", "max_pixels"]) == (3000, 5000)
    origins = {name: origin for name, _, origin in second.layer.explained()}
    assert origins["max-pixels"] == "row 2 (b/e.toml, line 8)"
    assert origins["quality"] == "defaults (b/e.toml, line 3)"
    assert origins["samples"] == origins["sample.size"] == "command line"
    (one,) = rows("f.toml", "[[row]]\ntask='sample'\n", presets=["low", "high"])
    assert str(values(one)["sample", "size"]) == "3x1" and values(one)["", "max_pixels"] == 3000


def test_folders_grids_and_names(home):
    for name in ("x.png", "y.png", "z.txt"):
        Path("b/in").mkdir(parents=True, exist_ok=True)
        Path("b/in", name).write_text("")
    text = (
        "[defaults]\ntask = 'harmonize'\nbg = 'bg.png'\n"
        "[[row]]\nglob.composite = 'in/*.png'\ngrid.start-step = [5, 15]\n"
        "mask = 'masks/{composite}.png'\nout = '{composite}-{start-step}-{mask}-{row}.png'\n"
        "save-mask = '{out}-mask.png'\n"
        "[[row]]\ncomposite = 'c.png'\n"
    )
    found = rows("e.toml", text)
    assert [row.number for row in found] == [1, 2, 3, 4, 5]
    assert [row.varied for row in found[:2]] == [
        {"composite": "x", "start-step": "5"},
        {"composite": "x", "start-step": "15"},
    ]
    last = values(found[3])
    assert last["harmonize", "mask"] == "b/masks/y.png"
    assert last["", "out"] == "b/y-15-y-4.png"
    assert last["harmonize", "save_mask"] == "{out}-mask.png"
    assert [row.table for row in found] == [0, 0, 0, 0, 1] and found[4].varied == {}


def test_a_grid_of_presets_and_tasks_of_a_row(home):
    for name in ("low", "high"):
        (home / "presets").mkdir(parents=True, exist_ok=True)
        step = {"low": 5, "high": 25}[name]
        (home / "presets" / f"{name}.toml").write_text(f"task='harmonize'\nstart-step={step}\n")
    found = rows("e.toml", "[[row]]\ngrid.preset = ['low', 'high']\n")
    assert [values(row)["harmonize", "start_step"] for row in found] == [5, 25]
    text = '{"task": [{"name": "outpaint", "right": 5}, {"name": "roi"}], "roi.strength": 0.5}'
    (row,) = rows("e.jsonl", text)
    assert list(row.layer.tasks) == ["outpaint", "roi"] and values(row)["roi", "strength"] == 0.5


def test_lists_in_cells(home):
    text = 'task,image,source\nroi,i.png,"[""1,2,3,4"", ""5,6,7,8""]"\nroi,i.png,"1,2,3,4"\n'
    first, second = rows("e.csv", text)
    assert [str(box) for box in values(first)["roi", "source"]] == ["1,2,3,4", "5,6,7,8"]
    assert [str(box) for box in values(second)["roi", "source"]] == ["1,2,3,4"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("e.txt", "", "a batch is a .toml, .jsonl or .csv file"),
        ("e.toml", "", "has no rows"),
        ("e.toml", "[[rows]]", "line 1: unknown key rows, did you mean row?"),
        ("e.toml", "row = 3", "line 1: write each row as [[row]]"),
        ("e.toml", "[[row]]\nimage = 'i.png'", "line 2: unknown option image"),
        ("e.toml", "[[row]]\nseed = 3", "line 1: no task: name one"),
        ("e.toml", "[[row]]\ntask='sample'\npreset='x'", "line 3: preset: there is no preset 'x'"),
        ("e.toml", "[[row]]\ntask='sample'\n\nseed=1.5", "line 4: seed: 1.5 is not allowed"),
        ("e.toml", "[defaults]\nsed=1\n[[row]]\ntask='sample'", "line 2: unknown option sed, did"),
        ("e.toml", "[[row]]\ntask='sample'\ngrid.seed=3", "line 3: grid.seed: give a list"),
        ("e.toml", "[[row]]\ntask='sample'\ngrid.seed=[1, true]", "line 3: seed: true is not"),
        ("e.toml", "[[row]]\ntask='sample'\ngrid=3", "line 3: grid: name options"),
        ("e.toml", "[[row]]\ntask='sample'\nglob.image='no/*.png'", "line 3: glob.image: no file"),
        ("e.toml", "[[row]]\ntask='sample'\nout='{imge}.png'", "line 3: out: {imge} is not known"),
        ("e.jsonl", "\n{", "line 2 is not JSON"),
        ("e.jsonl", "[1]", "line 1: give an object"),
        ("e.jsonl", '{"task": "sample"}\n{"task": "smple"}', "line 2: there is no task 'smple'"),
        ("e.csv", "task,seed\nsample,1\nsample,x", "line 3: seed: x is not allowed, give a whole"),
        ("e.csv", "task,task\nsample,1", "line 1: each column needs a name of its own"),
        ("e.csv", "task\nsample,1", "line 2: more cells than columns"),
        ("e.csv", "task,seed\n", "has no rows"),
    ],
)
def test_what_is_refused(name, text, said, home):
    with pytest.raises(UserError, match="b/e"):
        rows(name, text)
    with pytest.raises(UserError) as caught:
        rows(name, text)
    assert said in str(caught.value)


def nested(depth, text="1"):
    return "[" * depth + text + "]" * depth


ROW = "[[row]]\ntask='sample'\nimage='i.png'\n"


@pytest.mark.parametrize("depth", [60, 300, 990, 1100, 5000, 100_000])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("e.toml", lambda depth: f"{ROW}size={nested(depth)}"),
        ("e.toml", lambda depth: f"{ROW}grid.size=[{nested(depth)}]"),
        ("e.toml", lambda depth: f"{ROW}size={'{a=' * depth}1{'}' * depth}"),
        ("e.toml", lambda depth: f"{ROW}size={'.'.join(['a'] * min(depth, 3000))}=1"),
        ("e.toml", lambda depth: f"{ROW}{'.'.join(['a'] * min(depth, 3000))}=1"),
        ("e.jsonl", lambda depth: f'{{"task": "sample", "size": {nested(depth)}}}'),
        ("e.jsonl", lambda depth: f'{{"task": "sample", "grid": {{"size": {nested(depth)}}}}}'),
        ("e.jsonl", lambda depth: '{"a": ' * depth + "1" + "}" * depth),
        ("e.csv", lambda depth: f'task,source\nroi,"{nested(depth)}"'),
    ],
)
def test_what_is_nested_deep_is_refused_in_a_line(name, text, depth, command):
    Path(name).write_text(text(depth))
    code, out, err = command("batch", name)
    assert (code, out) == (2, "") and f"{name}" in err and "bug" not in err, err[:300]
    assert len(err) < 500 and len(err.splitlines()) <= 2, err[:300]


@pytest.mark.parametrize("pattern", ["", "/", ".", "..", "in/***/[", "\0", "in/[", "**", "a/../.."])
def test_odd_patterns_match_no_file(pattern, home):
    Path("b/in/deep").mkdir(parents=True)
    with pytest.raises(
        UserError, match=r"glob.image: (no file matches|.* is no pattern)"
    ) as caught:
        rows("e.jsonl", json.dumps({"task": "sample", "glob": {"image": pattern}}))
    assert "e.jsonl, line 1" in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_a_number_too_long_to_read(command):
    Path("e.toml").write_text(f"{ROW}seed={'9' * 5000}")
    code, _, err = command("batch", "e.toml")
    assert code == 2 and "e.toml is not TOML" in err and "bug" not in err, err


def test_a_chain_of_presets_has_an_end(command, pasted):
    for k in range(1500):
        Path(f"p{k}.toml").write_text(f"extends = 'p{k + 1}.toml'\n")
    Path("p1500.toml").write_text("max-pixels = 1500\n")
    Path("e.toml").write_text("[[row]]\ntask='sample'\nimage='bg.png'\npreset='p0.toml'\n")
    for words in (("batch", "e.toml", "--dry-run"), ("run", "sample", "--preset", "p0.toml")):
        code, _, err = command(*words)
        assert code == 2 and "more than 20 presets" in err and len(err) < 500, err
    Path("e.toml").write_text("[[row]]\ntask='sample'\nimage='bg.png'\npreset='p1482.toml'\n")
    code, _, err = command("batch", "e.toml", "--dry-run")
    assert code == 0, err
