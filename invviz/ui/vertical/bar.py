"""The controls of the Vertical page: how the picture is cut among parties, how deep the net is cut, and the buttons that run attacks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import streamlit as st

from ...protocols.vfl import SPLITS
from ...scenario import Scenario
from ...scenario.families import cuts as depths
from .. import asking, choice, form, press, state, things, trouble
from ..known import Known
from ..widgets import holds

MOST = 4  # parties that have a button; more under More, Setting
SIZES = (0, 8, 32, 128)  # numbers in an embedding that have a button; others under More, Setting
CUT = {"columns": "side by side", "rows": "one above the other", "channels": "colour channels", "quadrants": "four quadrants"}


def parties(now: Scenario) -> None:
    """How many parties, who holds what, whose embedding the attacker sees, and how many numbers it has."""
    cut, seat = depths.cut_of(now), state.seats("protocol")[0]
    set_ = functools.partial(_set, seat)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="vertical-parties"):
        counts = [str(n) for n in sorted({*range(1, MOST + 1), cut.parties}) if n == cut.parties or _split_for(now, n)]
        shown = lambda n: "1 (split learning)" if n == "1" else n  # noqa: E731
        choice.one_of("Parties", "parties", counts, str(cut.parties), functools.partial(_with_parties, seat), shown, seat)
        if cut.parties > 1:
            if not now.columns and len(_splits(now)) > 1:
                choice.one_of("Each holds", "split", _splits(now), cut.split, _with_split(seat), CUT.__getitem__, seat, help=_missing(now))
            spans = [(p, t) for t in range(1, cut.parties + 1) for p in range(cut.parties - t + 1) if t in (1, cut.parties)]
            now_seen = (cut.party, cut.together)
            spans = [s for s in spans if s == now_seen or _fits(now, party=s[0], together=s[1])]
            seen = {_who(s, cut.parties): s for s in [*([] if now_seen in spans else [now_seen]), *spans]}
            choice.one_of(
                "The attacker sees the embedding of",
                "seen",
                list(seen),
                _who(now_seen, cut.parties),
                lambda who: set_(party=seen[who][0], together=seen[who][1]),
                seat=seat,
            )
        sizes = [str(n) for n in sorted({*SIZES, cut.size}) if n == cut.size or _fits(now, size=n)]
        choice.one_of(
            "Numbers sent" if cut.parties == 1 else "Numbers that each sends",
            "size",
            sizes,
            str(cut.size),
            lambda n: set_(size=int(n)),
            lambda n: "as the cut gives" if n == "0" else n,
            seat,
            help="One more linear layer behind the cut brings every embedding to so many numbers; the joint net begins from there.",
        )


def depth(now: Scenario, listed: Sequence[Scenario]) -> None:
    """The cut, and the strength of the defense under it."""
    cut, seat = depths.cut_of(now), state.seats("protocol")[0]
    cuts = [depths.cut_of(s).cut for s in listed]
    names = {depths.cut_of(s).cut: depths.layer_of(s) for s in listed}
    value = cut.cut if cut.cut in cuts else cuts[-1]
    if len(cuts) == 1:
        more = (
            "It has more with more hidden layers (More, Model and data), and so have other models."
            if now.model.name == "mlp"
            else "Other models have more."
        )
        st.caption(f"{now.model.title} can be cut in one place only: after {names[cuts[0]]}. {more}")
    else:
        st.select_slider(
            "The party computes the net up to",
            cuts,
            value,
            format_func=lambda k: names[k],
            help="The deeper the cut, the more of the net the party computes before it sends anything.",
            **holds("cut", value, lambda k: _set(seat, cut=k), seat),
        )
    if now.defense:
        form.slider("vertical", attacker=True)


def chosen(now: Scenario, shown: Sequence[Known]) -> Known:
    """The depth of the slider."""
    cut = depths.cut_of(now).cut
    return next((one for one in shown if depths.cut_of(one.scenario).cut == cut), shown[-1])


def run(shown: Sequence[Known], here: Known) -> None:
    """Buttons that run the attacks of this depth, or of all, and that score the other depths."""
    every, own = [a for one in shown for a in one.attacks.values()], asking.left(list(here.attacks.values()))
    with st.container(horizontal=True, gap="small", key="vertical-run"):
        if own:
            words = f"Attack here ({len(own)})"
            press.button(words, "run here", lambda: asking.start(own), type="primary", icon=":material/play_arrow:", help=asking.WORKS)
        asking.run_all(every, "Attack at every depth", prominent=False, then=_every)
        unscored = [one for one in shown if one.view is None and one.job is None and not one.unscored]
        if unscored:
            press.button(
                "Score the other depth" if len(unscored) == 1 else f"Score the other {len(unscored)} depths",
                "score all",
                _every,
                icon=":material/query_stats:",
                help="The spectrum behind every cut, without any attack; a net is trained for each first, where it is a trained one.",
            )
        asking.stop_all(every)


def _every() -> None:
    state.set_view("depths", "all")


def _who(span: tuple[int, int], count: int) -> str:
    first, together = span
    if together == 1:
        return f"party {first + 1}"
    return "all" if together == count else f"parties {first + 1} to {first + together}"


def _fits(now: Scenario, **knobs: object) -> bool:
    """Whether the page would have something to show with these knobs of the protocol."""
    return not depths.empty(now.replace(protocol=now.protocol.replace(**knobs)))


def _split_for(now: Scenario, parties: int) -> str:
    """How pictures can be cut among so many parties: as they are cut now, or else in the first way that fits; nothing where none does."""
    ways = sorted(SPLITS, key=lambda split: split != depths.cut_of(now).split)
    return next((split for split in ways if _fits(now, parties=parties, party=0, together=1, split=split)), "")


def _splits(now: Scenario) -> list[str]:
    """Ways to cut pictures that fit; where an attacker sees several parts that would not lie side by side then, it sees the first."""
    own = depths.cut_of(now).split
    return [split for split in SPLITS if split == own or _fits(now, split=split, party=0, together=1)]


def _missing(now: Scenario) -> str:
    """Why other ways are not offered."""
    absent = [split for split in SPLITS if split not in _splits(now)]
    why = {split: depths.empty(now.replace(protocol=now.protocol.replace(split=split, party=0, together=1))) for split in absent}
    return things.say(now, "How a picture is cut among the parties.") + "".join(
        f"\n\n**Not here: {CUT[s]}.** {trouble.plain(why[s])}" for s in absent
    )


def _with_split(seat: state.Seat) -> Callable[[str], None]:
    def taken(split: str) -> None:
        seen = {} if _fits(state.scenario(), split=split) else {"party": 0, "together": 1}
        _set(seat, split=split, **seen)

    return taken


def _with_parties(seat: state.Seat, chosen: str) -> None:
    count = int(chosen)
    _set(seat, parties=count, party=0, together=1, split=_split_for(state.scenario(), count) or depths.cut_of(state.scenario()).split)


def _set(seat: state.Seat, **knobs: object) -> None:
    state.set_knobs(seat, **knobs)
    press.acted()  # More, Setting shows the same knobs
