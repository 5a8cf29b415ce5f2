"""What one more drawing of a page costs: `python benchmarks/reruns.py [--against CHECKOUT] [--repeats 20] [--profile PAGE]`.

Pages are opened on prepared content, without workers, by Streamlit's own tester; a drawing is one whole run of the script, and
a page may ask for another one right after the first. Prints milliseconds of processor time of the
script's thread (least and median of the repeats), and how often a drawing asks what is dear: rules, keys, texts, reading of texts, the queue, files. With `--against` the same of another checkout (a
git worktree of an older commit), turn by turn in one go, and the share of its time that is left.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
PAGES = ("lab", "defend", "attacks")
TURNS = 3  # times that each checkout has its turn
WARM = 3  # drawings before the first that counts
MOVES = 6  # places of the slider that are visited round and round
COUNTED = {  # what is counted, by the end of its file's name and its own
    "rules gone through": ("", ()),  # of a checkout that remembers them: those that it did not
    "keys hashed": ("", ()),
    "problems()": ("problems", ("scenario/_problems.py",)),
    "Scenario.key()": ("key", ("scenario/_scenario.py",)),
    "Scenario.text()": ("text", ("scenario/_scenario.py",)),
    "Component.text()": ("text", ("core/component.py",)),
    "Component.knobs()": ("knobs", ("core/component.py",)),
    "Scenario.parse()": ("from_pairs", ("scenario/_scenario.py",)),
    "Scenario.replace()": ("replace", ("scenario/_scenario.py",)),
    "Store.job(s)()": ("job", ("store/_queue.py", "store/__init__.py")),
    "Store.jobs()": ("jobs", ("store/_queue.py", "store/__init__.py")),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    asked.add_argument("--against", type=Path, help="another checkout")
    asked.add_argument("--repeats", type=int, default=20, help="drawings that count, each turn")
    asked.add_argument("--profile", choices=PAGES, help="print where the time of that page goes, and nothing else")
    asked.add_argument("--child", nargs=2, metavar=("CHECKOUT", "PAGE"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        print(json.dumps(_measured(Path(given.child[0]), given.child[1], given.repeats, False)))
        return
    if given.profile:
        _measured(HERE, given.profile, given.repeats, True)
        return
    checkouts = [given.against.resolve(), HERE] if given.against else [HERE]
    for page in PAGES:
        found: dict[Path, list[dict[str, Any]]] = {c: [] for c in checkouts}
        for _ in range(TURNS):
            for checkout in checkouts:
                found[checkout].append(_child(checkout, page, given.repeats))
        _print(page, checkouts, found)


def _print(page: str, checkouts: list[Path], found: dict[Path, list[dict[str, Any]]]) -> None:
    print(f"\n{page}\n  {'':24}" + "".join(f"{c.name:>20}" for c in checkouts) + (f"{'share':>10}" if len(checkouts) > 1 else ""))
    for what in ("same", "moved"):
        for name, pick in (("least", min), ("median", statistics.median)):
            times = [pick([t for one in found[c] for t in one[what]["ms"]]) for c in checkouts]
            share = f"{100 * times[-1] / times[0]:9.0f} %" if len(times) > 1 else ""
            print(f"  {what + ', ' + name + ' CPU ms':24}" + "".join(f"{t:20.1f}" for t in times) + share)
        for name in found[checkouts[0]][0][what]["calls"]:
            print(f"    {what + ', ' + name:22}" + "".join(f"{found[c][0][what]['calls'][name]:20}" for c in checkouts))
    sys.stdout.flush()


def _child(checkout: Path, page: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "INVVIZ_STORE": folder, "INVVIZ_WORKERS": "0", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
        command = [sys.executable, __file__, "--child", str(checkout), page, "--repeats", str(repeats)]
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(checkout: Path, page: str, repeats: int, profile: bool) -> dict[str, Any]:
    sys.path.insert(0, str(checkout))
    from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
    from streamlit.testing.v1 import AppTest, local_script_runner

    real, took, files = ScriptRunner._run_script, [], []
    profiler: list[cProfile.Profile] = []

    def run(self: ScriptRunner, data: Any) -> None:
        begin = time.thread_time()
        if profiler:
            profiler[0].enable()
        real(self, data)
        if profiler:
            profiler[0].disable()
        took.append(1000 * (time.thread_time() - begin))

    ScriptRunner._run_script = run  # type: ignore[method-assign]
    watching: list[bool] = []
    sys.addaudithook(lambda event, args: files.append(args[0]) if event == "open" and watching else None)

    scripts = local_script_runner.ScriptCache()  # a server compiles a page once, the tester at every drawing
    local_script_runner.ScriptCache = lambda: scripts  # type: ignore[misc,assignment]
    at = AppTest.from_file(str(checkout / "app.py"), default_timeout=120)
    if page != "lab":
        at.switch_page(f"pages/{page}.py")
    at.run()
    from invviz.ui import strength
    from invviz.ui.garbage import Collector

    defense = at.session_state["scenario"].defense[-1]
    options, now = list(strength.options(defense)), getattr(defense, defense.strength)
    places = options[options.index(now) + 1 :][:MOVES]

    def draw(what: str, turn: int) -> None:
        if what == "moved":
            at.select_slider[0].set_value(places[turn % len(places)])
        at.run()
        assert not at.exception, at.exception

    found: dict[str, Any] = {}
    for what in ("same", "moved"):
        for turn in range(max(WARM, len(places) if what == "moved" else 0)):
            draw(what, turn)
        Collector().look(0.0)  # what a server freezes of its modules costs no collector's time
        took.clear()
        for turn in range(repeats):
            draw(what, turn)
        times = list(took)
        profiler.append(cProfile.Profile())
        watching.append(True)
        files.clear()
        took.clear()
        for turn in range(MOVES):
            draw(what, turn)
        watching.clear()
        stats = pstats.Stats(profiler.pop())
        if profile:
            print(f"\n{page}, {what}")
            stats.sort_stats("cumulative").print_stats("invviz|pages", 60)
            stats.sort_stats("tottime").print_stats(25)
        found[what] = {"ms": times, "calls": {**_counts(stats, len(took)), "files opened": round(len(files) / len(took), 1)}}
    return found


def _counts(stats: pstats.Stats, runs: int) -> dict[str, float]:
    counts = dict.fromkeys(COUNTED, 0)
    for (file, _, function), (_, calls, *_) in stats.stats.items():  # type: ignore[attr-defined]
        for name, (wanted, files) in COUNTED.items():
            if function == wanted and file.endswith(files):
                counts[name] += calls
    remembers = hasattr(sys.modules["invviz.scenario._scenario"], "_key")
    made = {(file.rpartition("/")[2], name): calls for (file, _, name), (_, calls, *_) in stats.stats.items()}  # type: ignore[attr-defined]
    counts["rules gone through"] = made.get(("_problems.py", "_found"), 0) if remembers else counts["problems()"]
    counts["keys hashed"] = made.get(("_scenario.py", "_key"), 0) if remembers else counts["Scenario.key()"]
    return {name: round(count / runs, 1) for name, count in counts.items()}


if __name__ == "__main__":
    main()
