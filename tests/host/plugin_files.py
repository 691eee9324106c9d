"""Files of plugins, whole and broken."""

HEADER = """
from sinddm_toolkit.api import Picture, Task, hookimpl, option

class Mine(Task):
    name = "mine"
    summary = "does something"
    learns_from = "image"
    image: Picture = option("the picture")
    strength: float = option("more", default=0.5, minimum=0, maximum=1)
{body}

@hookimpl
def register_tasks():
    return [Mine]
"""


def hook(code):
    """The plugin with a hook."""
    return HEADER.format(body=f"    @hookimpl\n    def {code}\n")


def plugin(folder, name="mine", body="", text=None):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text or HEADER.format(body=body))
    return folder
