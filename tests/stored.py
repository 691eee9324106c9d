"""What is in the store of models."""

from sinddm_toolkit.edits.store import default_store


def models():
    """Key → description of all that are stored."""
    store = default_store()
    return {key: store.describe(key) for key in store.keys()}  # noqa: SIM118


def the_model():
    (found,) = models().values()
    return found


def unfinished():
    store = default_store()
    return [store.unfinished(key) for key in store.unfinished_keys()]
