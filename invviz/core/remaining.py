"""How long running work still takes, judged by how fast it has been going; nothing is said until that is known."""

from __future__ import annotations

OFTEN = 0.1  # seconds between two looks
LEAST = 1.0  # seconds that must have been watched
WINDOW = 20.0  # seconds over which the pace is taken: what was long ago says little
FEW = 5  # reports, at least, in that window
STEADY = 1.5  # how far apart the paces of the window's two halves may be
FAR = 10.0  # times what has been watched: no further ahead is looked
ENDS_EARLY = ("attack", "sketch")  # phases whose steps are the most that are taken
FOLLOWED = ("weights", "spectrum", "sketch")  # phases after which another one may come


class Remaining:
    """Watches the reports of one job. Every phase (training, spectrum, attack, ...) has a pace of its own, which its first step, slowed by warming up, has no part in."""

    def __init__(self) -> None:
        self._phase = ""
        self._began = 0.0
        self._seen: list[tuple[float, int]] = []
        self._ends: float | None = None

    def told(self, phase: str, done: int, total: int, now: float) -> float | None:
        """Take one report.

        Args:
            phase: what is counted.
            done: steps so far; fewer than before begin anew.
            total: steps of this phase.
            now: in seconds, on any clock that goes evenly.

        Returns:
            Seconds until the phase ends, or None: it is too early to tell, the pace changes, or the steps are over.
        """
        if phase != self._phase or (self._seen and done < self._seen[-1][1]):
            self._phase, self._seen, self._began, self._ends = phase, [], now, None
        if not self._seen or (done > self._seen[-1][1] and now >= self._seen[-1][0] + OFTEN):
            self._seen.append((now, done))
            while len(self._seen) > FEW and self._seen[1][0] < now - WINDOW:
                del self._seen[0]
            self._ends = None if (left := self._left(total)) is None else now + left
        return None if self._ends is None or done >= total or self._ends <= now else self._ends - now

    def _left(self, total: int) -> float | None:
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        watched = end - self._began
        if len(self._seen) < 3 or watched < LEAST:
            return None
        middle, between = min(self._seen[1:-1], key=lambda report: abs(report[0] - (start + end) / 2))
        early, late = (middle - start) / (between - first), (end - middle) / (last - between)  # seconds a step
        left = (total - last) * late
        return left if max(early, late) <= STEADY * min(early, late) and left <= FAR * watched else None


def in_words(seconds: float) -> str:
    """A time with its unit.

    Example:
        >>> in_words(42), in_words(600), in_words(9000), in_words(8e6)
        ('42 s', '10 min', '2.5 h', '93 days')
    """
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.0f} days"
