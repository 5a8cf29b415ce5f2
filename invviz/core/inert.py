"""Words that a visitor chose, made inert: nothing that shows them takes them for Markdown, HTML, a link or a picture. The one place for that."""

from __future__ import annotations

import re
from urllib.parse import quote

MARKUP = re.compile(r"([\\`*_{}\[\]()#+!<>|$:~&])")
JOINER = "\u2060"  # is not seen, and no line is broken there
LINKS = re.compile(r"(?<=:)(?=/)|(?<=\bwww)(?=\.)|(?=@)|(?<=:)(?=material/)", re.IGNORECASE)
EDGE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def markdown(words: str) -> str:
    r"""Words as Markdown that shows them as they are.

    Addresses, too: Markdown in GitHub's flavour makes links of them, and Streamlit icons of `:material/...:`, after all backslashes are gone, so they are broken by a joiner.

    Example:
        >>> print(markdown("[Sign in](x) costs $1"))
        \[Sign in\]\(x\) costs \$1
    """
    return MARKUP.sub(r"\\\1", unlinked(words))


def unlinked(words: str) -> str:
    """The same words, in which nothing is taken for the address of a page or of a person."""
    return LINKS.sub(JOINER, words)


def name(text: str) -> str:
    """A name as it stands within other words, whatever shows those: what is more than letters, digits, _ . and - is percent-encoded, as in an address.

    Example:
        >>> name("features.3"), name("![x](http://h)"), name("www.h.com")
        ('features.3', '%21%5Bx%5D%28http%3A%2F%2Fh%29', 'www%2Eh.com')
    """
    coded = quote(text, safe="").replace("~", "%7E")
    return EDGE.sub("%5F", re.sub(r"(?<=www)\.", "%2E", coded, flags=re.IGNORECASE))
