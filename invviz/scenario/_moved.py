"""What was an attack once and is a server now: texts of then are read, and results of then keep their keys."""

from __future__ import annotations

import re

from ..core.errors import TextError

MOVED = {"hijacking": "decoder"}
"""By the name of the server, which was that of the attack, with the same knobs: what reads for it."""


def present(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Parts of a text as they are written today.

    Raises:
        TextError: a former attack beside a server that is another.

    Example:
        >>> present([("model", "mlp"), ("attack", "hijacking(steps=3)")])
        [('model', 'mlp'), ('attack', 'decoder'), ('server', 'hijacking(steps=3)')]
    """
    attack = next((value for key, value in pairs if key == "attack" and _name(value) in MOVED), None)
    if attack is None:
        return pairs
    name = _name(attack)
    if other := next((value for key, value in pairs if key == "server" and value != "honest"), None):
        raise TextError(
            f"{name} is a server, and attack={name} stands beside server={_name(other)}. Write server={name} alone, or another attack."
        )
    rest = [(key, value) for key, value in pairs if key != "server"]
    return [(key, MOVED[name] if value is attack else value) for key, value in rest] + [("server", attack)]


def key_form(form: str) -> str:
    """What a key is a hash of: the full form, but for such a server with its own attack, which stands where the attack of its name stood.

    Example:
        >>> key_form("model=mlp&attack=decoder&server=hijacking(steps=3)&batch=1")
        'model=mlp&attack=hijacking(steps=3)&batch=1'
    """
    for name, attack in MOVED.items():
        form = re.sub(rf"&attack={attack}((?:&.*)?)&server=({name}\([^&]*\))", r"&attack=\2\1", form)
    return form


def _name(value: str) -> str:
    return value.partition("(")[0].strip()
