"""Numbers as people read them: one way to write a number, a percentage, a power of ten."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

EXPONENT = re.compile(r"(?<![\w.])-?\d(?:\.\d+)?e[-+]\d+(?![\w.]\d)")
SMALL, LARGE = 1e-4, 1e6  # beyond these a number is written with a power of ten
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; commas at thousands, a power of ten where there would be many zeros, never an `e`.

    Example:
        >>> number(1000.0), number(0.0125), number(0.00001), number(1.23e-7), number(7.000000000000001)
        ('1,000', '0.0125', '10⁻⁵', '1.23 × 10⁻⁷', '7')
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinite" if value > 0 else "−infinite"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if value and not SMALL <= abs(float(f"{mantissa}e{exponent}")) < LARGE:
        return _power(mantissa, int(exponent))
    places = max(digits - 1 - int(exponent), 0) if value else 0
    text = f"{float(f'{mantissa}e{exponent}'):,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share as a percentage, three significant digits; just below 100 % as many as tell it from all.

    Example:
        >>> percent(10.0), percent(0.01), percent(0.99608), percent(0.9995), percent(1e-7)
        ('1,000 %', '1 %', '99.6 %', '99.95 %', '10⁻⁵ %')
    """
    value = 100 * share
    missing = 100 - value
    digits = 2 - math.floor(math.log10(missing)) if 1e-9 < missing < 1 else 3
    return f"{number(value, max(digits, 3))} %"


def readable(words: str) -> str:
    """The same words with their numbers written so, where a computer's exponents stand among them, as in what attacks say of themselves.

    Example:
        >>> readable("got stuck at a matching loss of 4.0e-01 after 429 steps, then at 1.2e-07.")
        'got stuck at a matching loss of 0.4 after 429 steps, then at 1.2 × 10⁻⁷.'
    """
    return EXPONENT.sub(lambda found: number(float(found[0])), words)


def _power(mantissa: str, exponent: int) -> str:
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10{str(exponent).translate(RAISED)}"
    return {"1": power, "-1": f"-{power}"}.get(short, f"{short} × {power}")


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
