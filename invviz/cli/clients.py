"""`risk --clients`: the risk of every client that a training simulates."""

from __future__ import annotations

from ..engine.bounds import HELD
from ..engine.client import Site
from ..engine.client_risk import client_risks
from ..jobs.worker import set_threads
from ..scenario import Scenario
from ._show import ProgressLine, to_json


def show_clients(scenario: Scenario, site: Site, as_json: bool) -> int:
    """Print the risk of every simulated client."""
    with ProgressLine() as line:
        set_threads("clients")
        rows = client_risks(scenario, site, line.report)
    if as_json:
        print(to_json({"scenario": scenario.only("clients").text(full=True), "clients": rows}))
        return 0
    print("client  pictures  classes  largest class  InvRE  expected best (dB)")
    for row in rows:
        score = f"{row['invre']:5.2f}  {row['psnr_ceiling']:.1f}" if "invre" in row else row["reason"]
        print(f"{row['client']:>6}  {row['pictures']:>8,}  {row['classes']:>7}  {100 * row['largest']:>11.0f} %  {score}")
    why = list(dict.fromkeys(name for row in rows for name in row.get("bound_reasons", [])))
    if any("invre" in row for row in rows):
        print(f"expected best: an average over pictures and noise, {'not a bound: ' + ', '.join(why) if why else HELD}")
    return 0
