"""After a click whose answer lies elsewhere on the page: the answer is brought into sight."""

from __future__ import annotations

import streamlit as st

TOP = "top"
WANTED = "sight wanted"
SCRIPT = """
<script>
(() => {{
  const number = {number}, name = "{name}", began = performance.now();
  const main = document.querySelector('[data-testid="stMain"]');
  let left = false, there = 0;
  const leave = () => {{ left = true; }};
  const bring = () => {{
    if (left || !main) return;
    if (!name) return main.scrollTo({{ top: 0, behavior: "instant" }});
    const place = document.querySelector(".st-key-" + name);
    if (!place) return;
    there = there || performance.now();
    const box = place.getBoundingClientRect(), above = {above};
    if (box.top < above || box.top > innerHeight / 3) main.scrollBy({{ top: box.top - above, behavior: "instant" }});
  }};
  if (!number || !main) return;
  ["wheel", "touchmove", "keydown", "pointerdown"].forEach((kind) => addEventListener(kind, leave, {{ once: true, passive: true }}));
  const again = () => {{
    bring();
    const now = performance.now(), since = name ? there : began;
    if (!left && now - began < 30000 && !(since && now - since > 1200)) setTimeout(again, 150);
  }};
  again();
}})();
</script>
"""
ABOVE = 56  # screen pixels of the bar at the top


def bring(place: str = TOP) -> None:
    """Bring a part of the page into sight once it is drawn again; from a callback.

    Args:
        place: key of a container, letters and hyphens, or TOP for the page's top.
    """
    number, _ = st.session_state.get(WANTED, (0, TOP))
    st.session_state[WANTED] = number + 1, place


def draw() -> None:
    """Once on every page, before all else; the browser runs the script again whenever its number is another.

    It waits for a place that is not there yet (half a minute at most), and for what grows above it. It moves what is on the screen and nothing else, until the person moves it, and it is never made of what a person has typed.
    """
    number, place = st.session_state.get(WANTED, (0, TOP))
    with st.container(key="sight"):
        name = "" if place == TOP else place
        st.html(SCRIPT.format(number=number, name=name, above=ABOVE), unsafe_allow_javascript=True)
