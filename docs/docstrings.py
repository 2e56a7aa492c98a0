"""Docstrings as the site shows them: examples in fences, roles of Sphinx as code."""

import re

from griffe import Extension, Object


class Docstrings(Extension):
    """What Griffe read, before it is rendered."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        if obj.docstring is not None:
            text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", obj.docstring.value)
            obj.docstring.value = re.sub(r"(?m)^(>>> (?:.+\n?)+)", r"```pycon\n\1\n```\n", text)
