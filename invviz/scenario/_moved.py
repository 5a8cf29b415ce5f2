"""What has moved since: what was an attack once and is a server now, whose texts are read and whose results keep their keys; and searches that got better."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..core.errors import TextError

if TYPE_CHECKING:
    from ._scenario import Scenario

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


def behind_mask(scenario: Scenario) -> bool:
    """An attack that knows what was held back, with nothing else to disturb the rest, and looks for the most likely picture there."""
    stack = scenario.defense
    return stack.hides and not stack.noisy and scenario.attacker == "aware" and scenario.attack.behind_masks > 0


def search_moved(kind: str, scenario: Scenario) -> str:
    """What stands in a key besides, where one search moved and all others of its kind did not."""
    moved = kind == "run" and behind_mask(scenario) and scenario.attack.behind_masks > 1
    return f"&behind mask={scenario.attack.behind_masks}" * moved


def _name(value: str) -> str:
    return value.partition("(")[0].strip()
