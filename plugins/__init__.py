"""The bundled tasks: plugins like any other, found through the same entry points."""
