"""The presets that come with the toolkit."""

import tomllib
from pathlib import Path

import pytest

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings import presets as preset_files

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "presets").glob("*.toml"))
GUIDE = (ROOT / "docs" / "presets.md").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_whole_told_and_shown(path):
    preset = preset_files.load(path.stem)
    assert preset.path.read_bytes() == path.read_bytes() and preset.summary
    assert f"### {path.stem}" in GUIDE and preset.summary in GUIDE
    lead = preset.layer.lead
    if lead and registry.current().task(lead).learns_from:  # others are seen on another task
        assert (ROOT / "docs" / "images" / "presets" / f"{path.stem}.jpg").exists()
    assert not set(preset.layer.run) & set(preset_files.OF_ONE_EDIT)
    parts = [(preset.layer.run, RunOptions.schema())]
    parts += [
        (settings, registry.current().task(name).schema())
        for name, settings in preset.layer.tasks.items()
    ]
    for settings, schema in parts:
        for name, setting in settings.items():
            assert not schema[name].required
            plain = schema[name].plain
            assert plain(setting.value) != plain(schema[name].default), name


def test_every_task_has_one_and_some_go_with_several():
    tasks = [tuple(preset_files.load(path.stem).layer.tasks) for path in FILES]
    bundled = {
        name
        for record in registry.current().records
        if record.source == "sinddm-toolkit"
        for name in record.tasks
    }
    assert {names[0] for names in tasks if len(names) == 1} == bundled
    assert () in tasks and any(len(names) > 1 for names in tasks)


def test_those_of_the_guide_are_valid(tmp_path):
    blocks = GUIDE.split("```toml\n")[1:]
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "p.toml").write_text(block.partition("```")[0])
        assert preset_files.load(str(tmp_path / "p.toml")).summary


def test_they_are_in_the_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert listed["package-data"]["sinddm_toolkit.presets"] == ["*.toml", "*.jpg"]
