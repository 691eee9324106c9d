"""Which CLIP model is meant and where its weights lie. Nothing here loads a network.

open_clip's own table of pretrained weights is used, and the places where open_clip keeps what it
has downloaded; but never its loader, which with no network asks its hub again and again for 46
seconds before it gives up.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sinddm_toolkit.api import UserError, check_ordinary

DEFAULT = "ViT-B-32-quickgelu:openai"
"""The paper's. OpenAI's weights were trained with the quick approximation of GELU."""

VARIABLE = "SINDDM_TK_CLIP"
"""Environment: a name as `--clip` takes it, or a file of weights of the default model."""

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".bin", ".pth")
CONNECT_SECONDS = 5.0
TABLES = "_sinddm_toolkit_open_clip_tables"


@dataclass(frozen=True)
class Choice:
    """A CLIP model: one of open_clip's by name, or a configuration file of its own."""

    model: str
    """open_clip's name of the architecture, or the configuration file's path."""
    tag: str | None = None
    """open_clip's name of the pretrained weights; None if a file is given."""
    file: Path | None = None
    """The weights, where the user says so."""

    @property
    def name(self) -> str:
        """As `--clip` takes it."""
        return self.model if self.tag is None else f"{self.model}:{self.tag}"

    @property
    def config(self) -> Path | None:
        """The configuration file, if it is not one of open_clip's."""
        return Path(self.model) if self.model.endswith(".json") else None


def choose(name: str | None, weights: Path | None) -> Choice:
    """The model meant by `--clip` and `--clip-weights`, else by the environment, else the default.

    UserError if open_clip has no such model or tag, or if a file named is not there.
    """
    variable = os.environ.get(VARIABLE)
    if name is None and variable:
        if Path(variable).suffix in WEIGHT_SUFFIXES:
            weights = weights or Path(variable)
        else:
            name = variable
    name = name or DEFAULT
    if name.endswith(".json"):
        return Choice(name, file=_file_of_config(Path(name), weights))
    model, _, tag = name.partition(":")
    if model not in models():
        raise UserError(f"--clip {name}: open_clip has no model {model}; {_nearest(model)}")
    if weights is not None:
        return Choice(model, file=_existing(weights))
    tags = tables().list_pretrained_tags_by_model(model)
    tag = tag or ("openai" if "openai" in tags else "")
    if not tables().get_pretrained_cfg(model, tag):
        known = ", ".join(tags) or "none: give a file by --clip-weights"
        raise UserError(f"--clip {name}: the pretrained weights of {model} are {known}")
    return Choice(model, tag)


def _file_of_config(config: Path, weights: Path | None) -> Path:
    """The weights that go with a configuration: those given, or the file of its name beside it."""
    check_ordinary(config)
    if not config.is_file():
        raise UserError(f"--clip {config}: there is no such file")
    if weights is not None:
        return _existing(weights)
    for suffix in WEIGHT_SUFFIXES:
        if config.with_suffix(suffix).is_file():
            return config.with_suffix(suffix)
    raise UserError(
        f"--clip {config}: its weights are not beside it "
        f"({config.with_suffix(WEIGHT_SUFFIXES[0]).name}): give them by --clip-weights FILE"
    )


def _existing(weights: Path) -> Path:
    check_ordinary(weights)
    if not weights.is_file():
        raise UserError(f"CLIP weights {weights}: there is no such file")
    return weights


def _nearest(model: str) -> str:
    import difflib

    near = difflib.get_close_matches(model, models(), n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(models())}"


def find(choice: Choice) -> Path:
    """The file of the weights on this machine. UserError, saying what to do, if there is none."""
    if choice.file is not None:
        return choice.file
    places = _places(choice)
    for place in places:
        if place.is_file():
            return place
    folders = " and ".join(dict.fromkeys(_looked_in(place) for place in places))
    raise UserError(
        f"the CLIP weights {choice.name} are not on this machine (looked in {folders}): run "
        f"`sinddm-tk clip fetch {choice.name}` where there is a network, or give a file by "
        f"--clip-weights FILE or {VARIABLE}=FILE"
    )


def fetch(choice: Choice) -> Path:
    """Download the weights with open_clip's own function. UserError if that fails."""
    known = tables().get_pretrained_cfg(choice.model, choice.tag)
    try:
        _check_reachable(known)
        return Path(tables().download_pretrained(known))
    except Exception as error:
        text = " ".join(str(error).split())
        raise UserError(
            f"cannot fetch {choice.name}: {type(error).__name__}: {text:.200}"
        ) from error


def describe() -> dict[str, str]:
    """The lines of `doctor`."""
    if importlib.util.find_spec("open_clip") is None:
        return {"open_clip": "missing"}
    try:
        found = str(find(choose(None, None)))
    except UserError as error:
        found = str(error)
    return {"open_clip": metadata.version("open_clip_torch"), "CLIP weights": found}


def preprocessing(choice: Choice) -> dict[str, Any]:
    """Mean, deviation and the like that go with a tag; empty where open_clip's defaults do."""
    known = tables().get_pretrained_cfg(choice.model, choice.tag) if choice.tag else {}
    return {key: known[key] for key in ("mean", "std") if key in known}


def is_quick_gelu(choice: Choice) -> bool:
    """Whether the weights want the quick GELU, whatever the name of the architecture says."""
    if choice.tag is None:
        return False
    return bool(tables().get_pretrained_cfg(choice.model, choice.tag).get("quick_gelu"))


def _places(choice: Choice) -> list[Path]:
    """Where open_clip would have put the weights, best first; none need exist."""
    from huggingface_hub import constants, try_to_load_from_cache

    known = tables().get_pretrained_cfg(choice.model, choice.tag)
    places = []
    for repository, filename in _hub_files(known):
        cached = try_to_load_from_cache(repository, filename)
        folder = f"models--{repository.replace('/', '--')}"
        missing = Path(constants.HF_HUB_CACHE) / folder / filename
        places.append(Path(cached) if isinstance(cached, str) else missing)
    if known.get("url"):
        places.append(Path("~/.cache/clip").expanduser() / known["url"].rsplit("/", 1)[-1])
    return places


def _hub_files(known: dict[str, Any]) -> list[tuple[str, str]]:
    """(repository, file) of the hub, in the order in which open_clip asks for them."""
    if not known.get("hf_hub"):
        return []
    repository, _, filename = known["hf_hub"].rpartition("/")
    if not filename:
        table = tables()
        return [(repository, table.HF_SAFE_WEIGHTS_NAME), (repository, table.HF_WEIGHTS_NAME)]
    safe = Path(filename).with_suffix(".safetensors").name
    return [(repository, name) for name in dict.fromkeys((safe, filename))]


def _looked_in(place: Path) -> str:
    """`place` without what is below a repository's folder, in words."""
    folder = place.parent if place.parent.name.startswith("models--") else place
    try:
        return f"~/{folder.relative_to(Path.home()).as_posix()}"
    except ValueError:
        return str(folder)


def _check_reachable(known: dict[str, Any]) -> None:
    """Ask once, so that a machine without a network is told at once; whatever that raises."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    for repository, filename in _hub_files(known)[-1:]:
        try:
            get_hf_file_metadata(hf_hub_url(repository, filename), timeout=CONNECT_SECONDS)
        except HfHubHTTPError:  # the hub answers: what it says is for the download to deal with
            return


@cache
def models() -> tuple[str, ...]:
    """The names of open_clip's configurations."""
    folder = Path(_open_clip_folder()) / "model_configs"
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


@cache
def tables() -> Any:
    """open_clip's module of pretrained weights, without the seconds that its networks take.

    It is loaded as the member of an empty package that has open_clip's folder.
    """
    if "open_clip" in sys.modules:
        return importlib.import_module("open_clip.pretrained")
    package = types.ModuleType(TABLES)
    package.__path__ = [_open_clip_folder()]
    sys.modules[TABLES] = package
    return importlib.import_module(f"{TABLES}.pretrained")


def _open_clip_folder() -> str:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise UserError("text guidance needs open_clip: pip install open_clip_torch")
    return str(Path(spec.origin).parent)
