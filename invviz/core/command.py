"""Commands that a person copies: the one place where words are quoted for a shell."""

from __future__ import annotations

import re
import shlex

BARE = re.compile(r"[A-Za-z0-9_.,:/@+-]+")  # read as they are by every shell
PLAIN = re.compile(
    r"[A-Za-z0-9_.,:/@+\-=&()|'~*%?\[\] ]+"
)  # mean nothing within double quotes, also to shells of Windows, which know no others


def command(*words: str, module: str = "invviz") -> str:
    """`python -m MODULE WORDS`, which a shell takes apart into exactly these words, whatever stands in them.

    Example:
        >>> print(command("risk", "data=digits&model=mlp", "--clients"))
        python -m invviz risk "data=digits&model=mlp" --clients
        >>> print(command("report", "$(reboot)"))
        python -m invviz report '$(reboot)'
    """
    return " ".join(["python", "-m", module, *map(quoted, words)])


def quoted(word: str) -> str:
    """One word for a shell."""
    if BARE.fullmatch(word):
        return word
    return f'"{word}"' if PLAIN.fullmatch(word) else shlex.quote(word)
