"""How a report looks: the colours of the pages, by day, by night and on paper."""

from __future__ import annotations

from ..charts._colours import DASHED, DEFENSE, IDEAL, PALE, REAL, TRUTH, ink, line

STYLE = f"""
:root {{ color-scheme: light dark; --ink:#1B1F24; --soft:#5B636E; --ground:#FFFFFF; --panel:#F3F4F6; --rule:#D9DCE1;
 --ideal:{IDEAL}; --real:{REAL}; --floor:{DEFENSE}; --floor-ink:{DEFENSE}; --truth:{TRUTH}; --bad:#A4262C; --fill:{IDEAL}; --pale:{PALE}; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ --ink:#E8EAED; --soft:#A4ABB5; --ground:#14171C; --panel:#20252C; --rule:#3A4149;
 --ideal:{line(IDEAL, True)}; --real:{ink(REAL, True)}; --floor-ink:{ink(DEFENSE, True)}; --floor:{line(DEFENSE, True)}; --bad:#FF9A94; --pale:#5B4A70; }} }}
* {{ box-sizing:border-box; }}
body {{ margin:0 auto; max-width:60rem; padding:1.5rem 1.25rem 3rem; background:var(--ground); color:var(--ink);
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif; }}
h1 {{ font-size:1.6rem; margin:0; }} h2 {{ font-size:1.25rem; line-height:1.3; margin:.1rem 0 .6rem; text-wrap:balance; }}
.made,.kind,.note,.footer,caption,.again span {{ color:var(--soft); font-size:.85rem; }}
.made {{ margin:.2rem 0 1rem; }} .kind {{ margin:0; }}
section {{ border-top:1px solid var(--rule); padding:1.1rem 0 .6rem; }}
code,pre {{ font:.82rem/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace; overflow-wrap:anywhere; }}
pre {{ background:var(--panel); padding:.8rem; border-radius:4px; white-space:pre-wrap; }}
.lines {{ margin:.3rem 0; }} details {{ margin:.3rem 0; }} details p {{ margin:.3rem 0 .3rem 1rem; }} summary {{ cursor:pointer; font-size:.9rem; }}
.again {{ background:var(--panel); border-radius:4px; padding:.5rem .8rem; }} .again span {{ display:block; }}
.bad {{ color:var(--bad); }} p.bad,div.bad {{ border-left:4px solid var(--bad); padding-left:.7rem; }} .bad p {{ margin:.2rem 0; }} ul {{ margin:.2rem 0 .4rem; padding-left:1.2rem; }} details li {{ color:var(--soft); font-size:.85rem; }}
.wide {{ overflow-x:auto; }} table {{ border-collapse:collapse; font-size:.9rem; margin:.6rem 0; }} caption {{ text-align:left; padding:.2rem 0; max-width:44rem; }}
th,td {{ text-align:left; vertical-align:top; padding:.3rem .9rem .3rem 0; border-bottom:1px solid var(--rule); }}
.facts th {{ font-weight:600; white-space:nowrap; }} .numbers td {{ font-variant-numeric:tabular-nums; }} td.short {{ white-space:nowrap; }} .numbers th {{ vertical-align:bottom; }} small {{ color:var(--soft); white-space:nowrap; }} .glance td:nth-child(2) {{ min-width:15rem; }}
a {{ color:var(--floor-ink); }} a:focus-visible,summary:focus-visible {{ outline:2px solid var(--floor-ink); outline-offset:2px; }}
figure {{ margin:1.1rem 0; }} figcaption {{ margin-bottom:.4rem; }} .footer {{ margin:.2rem 0 0; }}
.row {{ display:flex; gap:1rem; }} .row div {{ display:flex; flex-direction:column; flex:0 1 16rem; min-width:0; font-size:.9rem; }}
.row img {{ width:100%; image-rendering:pixelated; }} .row span {{ color:var(--soft); }}
.plot {{ overflow-x:auto; }} svg {{ width:100%; min-width:30rem; max-width:44rem; height:auto; display:block; font-family:inherit; }}
svg text {{ fill:var(--ink); font-size:12px; }} svg .tick {{ fill:var(--soft); font-size:11.5px; }} svg .name {{ font-size:12.5px; }}
svg .label {{ font-weight:600; paint-order:stroke; stroke:var(--ground); stroke-width:4px; stroke-linejoin:round; }}
svg .grid {{ stroke:var(--rule); stroke-width:.8; }} svg .axis {{ stroke:var(--soft); }} svg polyline {{ fill:none; stroke-width:2; stroke-linejoin:round; }}
svg .real {{ stroke:var(--real); }} svg .ideal {{ stroke:var(--ideal); stroke-dasharray:{DASHED[0]} {DASHED[1]}; }} svg .defense {{ stroke:var(--floor); }}
svg .readable {{ fill:var(--fill); opacity:.75; }} svg .drowned {{ fill:var(--pale); opacity:.45; }}
svg .floor {{ stroke:var(--floor); stroke-width:2.5; }} svg .floor-text {{ fill:var(--floor-ink); }}
svg .chance {{ stroke:var(--truth); stroke-dasharray:2 3; }} svg .chance-text {{ fill:var(--soft); font-weight:400; }}
svg .dot-real {{ fill:var(--real); stroke:var(--real); stroke-width:2; }} svg .dot-ideal {{ fill:var(--ideal); stroke:var(--ideal); stroke-width:2; }}
svg .hollow {{ fill:var(--ground); }} svg .dot-real-bar {{ stroke:var(--real); opacity:.5; }} svg .dot-ideal-bar {{ stroke:var(--ideal); opacity:.5; }}
@media (max-width:40rem) {{ .glance :is(td,th):nth-child(3) {{ display:none; }} }}
@media print {{ .plot {{ overflow:visible; }} svg {{ min-width:0; }} body {{ max-width:none; padding:0; font-size:11pt; }} figure,tr,.again {{ break-inside:avoid; }} h2,figcaption {{ break-after:avoid; }}
 .wide {{ overflow:visible; }} details::details-content {{ content-visibility:visible; block-size:auto; }}
 * {{ print-color-adjust:exact; -webkit-print-color-adjust:exact; }} }}
"""
