/** The look of a report. Colours are Okabe and Ito's, lightened for the dark; every text colour reaches a contrast of
 *  4.5. */
export const reportStyles = `
:root {
  color-scheme: light;
  --paper: #fdfcfa; --card: #ffffff; --ink: #1d2127; --soft: #555d68; --line: #e3e0da; --strong-line: #c9c4bb; --accent: #8a3b12;
  --cover: #d8d3ca; --failed: #fbeee6; --flag: #7a4a00; --flag-paper: #fdf1d8;
  --h0: #ffffff; --h1: #fff1e4; --h2: #ffe0c7; --h3: #fecda6; --h4: #fbb884; --h5: #f6a163; --h6: #ee8a45; --fresh-edge: #1d2127;
  --s0: #5f6b7a; --s1: #0067a8; --s2: #c2500a; --s3: #007a58; --s4: #a8488a; --s5: #8a6d00;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Cambria, Georgia, "Liberation Serif", serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { color-scheme: dark;
  --paper: #15181c; --card: #1c2026; --ink: #e8e6e1; --soft: #a5adb8; --line: #2d333b; --strong-line: #464e59; --accent: #f0a878;
  --cover: #3a414b; --failed: #33241d; --flag: #f3c677; --flag-paper: #362c17;
  --h0: #1c2026; --h1: #2d2420; --h2: #3f2a1e; --h3: #52301c; --h4: #653619; --h5: #783b15; --h6: #8a4110; --fresh-edge: #e8e6e1;
  --s0: #a3afbd; --s1: #5cb3ee; --s2: #f58b4c; --s3: #3fc49b; --s4: #dd8fc3; --s5: #d6bb45; } }
:root[data-theme="dark"] { color-scheme: dark;
  --paper: #15181c; --card: #1c2026; --ink: #e8e6e1; --soft: #a5adb8; --line: #2d333b; --strong-line: #464e59; --accent: #f0a878;
  --cover: #3a414b; --failed: #33241d; --flag: #f3c677; --flag-paper: #362c17;
  --h0: #1c2026; --h1: #2d2420; --h2: #3f2a1e; --h3: #52301c; --h4: #653619; --h5: #783b15; --h6: #8a4110; --fresh-edge: #e8e6e1;
  --s0: #a3afbd; --s1: #5cb3ee; --s2: #f58b4c; --s3: #3fc49b; --s4: #dd8fc3; --s5: #d6bb45; }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); -webkit-text-size-adjust: 100%; }
body { max-width: 72rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 3rem; }
h1, h2, .finding, .description { font-family: var(--serif); }
h1 { font-size: clamp(1.9rem, 4.5vw, 2.8rem); line-height: 1.1; letter-spacing: -0.015em; margin: 0.4rem 0 0.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.5rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 1rem; }
h3 { font-size: 1rem; margin: 0; }
small { color: var(--soft); font-size: 0.82em; font-weight: 400; }
code { font-family: var(--mono); font-size: 0.88em; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: 0.5rem 1rem; z-index: 2; }
.page-head { border-bottom: 1px solid var(--strong-line); padding-bottom: 1.4rem; }
.head-line { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; }
.brand { margin: 0; color: var(--accent); font-size: 0.8rem; font-weight: 650; letter-spacing: 0.09em; text-transform: uppercase; }
.controls { display: flex; gap: 0.5rem; }
button { font: 500 0.84rem/1.2 var(--sans); color: var(--ink); background: var(--card); border: 1px solid var(--strong-line); border-radius: 0.45rem; padding: 0.42rem 0.75rem; cursor: pointer; white-space: nowrap; }
button:hover { border-color: var(--soft); }
button:focus-visible, a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--s1); outline-offset: 2px; }
button[aria-pressed="true"], button[aria-expanded="true"] { background: var(--ink); color: var(--paper); border-color: var(--ink); }
.description { margin: 0 0 0.9rem; max-width: 46rem; font-size: 1.1rem; color: var(--soft); }
.cast { display: flex; flex-wrap: wrap; gap: 0.3rem 1.6rem; list-style: none; margin: 0; padding: 0; }
.cast span { color: var(--soft); font-size: 0.82rem; }
.status { margin: 1rem 0 0; padding: 0.6rem 0.9rem; border-radius: 0.45rem; background: var(--flag-paper); color: var(--flag); }
main > section { margin-top: 2.8rem; }
.finding { font-size: 1.22rem; line-height: 1.45; max-width: 46rem; margin: 0 0 0.8rem; }
.aside { color: var(--soft); font-size: 0.88rem; max-width: 46rem; margin: 0.6rem 0 1rem; }
.notes { margin: 1rem 0 0; padding: 0.8rem 1rem 0.8rem 2.1rem; border-left: 3px solid var(--accent); background: var(--card); border-radius: 0 0.45rem 0.45rem 0; font-size: 0.93rem; }
.notes li + li { margin-top: 0.3rem; }
.judge, .attack { margin-top: 1.6rem; }
.judge h3 { margin-bottom: 0.8rem; }
.flag { display: inline-block; margin-left: 0.7rem; padding: 0.1rem 0.55rem; border-radius: 1rem; font-size: 0.76rem; font-weight: 500; background: var(--flag-paper); color: var(--flag); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 0.9rem; margin: 0.8rem 0 1rem; }
.charts.pairs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.chart, .words { margin: 0; padding: 0.9rem 1rem 0.7rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem; min-width: 0; break-inside: avoid; }
.chart { display: flex; flex-direction: column; }
.chart figcaption { margin-bottom: auto; }
.chart svg { display: block; width: 100%; height: auto; max-width: 34rem; margin-top: 0.4rem; overflow: visible; }
.chart.wide svg { max-width: 46rem; margin-inline: auto; }
figcaption { font-size: 0.84rem; line-height: 1.35; }
figcaption span { color: var(--soft); }
.chart text { font: 12px var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart text.row-label { fill: var(--ink); font-size: 12.5px; }
.grid { stroke: var(--line); stroke-width: 1; }
.threshold { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.mark { fill: var(--c); stroke: var(--card); stroke-width: 1; }
.mark.ring { fill: none; stroke: var(--c); stroke-width: 2; }
.mark.faint { fill-opacity: 0.62; stroke-width: 0.6; }
.whisker { stroke: var(--c); stroke-width: 2.6; stroke-linecap: round; opacity: 0.55; }
.allowed { fill: var(--line); opacity: 0.6; }
.bound { stroke: var(--ink, currentColor); stroke-width: 2; }
.whisker.thin { stroke-width: 1.6; }
.frontier { fill: none; stroke: var(--muted); stroke-width: 1.4; stroke-dasharray: 5 4; }
.point-label { fill: var(--muted); font-size: 12px; }
.point-label.strong { fill: var(--ink); font-weight: 600; }
.curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.mark.hollow { fill: var(--card); stroke: var(--c); stroke-width: 1.8; }
.mark.ring.hollow { fill: var(--c); }
.curve.hollow { stroke-dasharray: 8 3; }
.curve.strong { stroke-width: 3.2; }
.zero { stroke: var(--soft); stroke-width: 1.2; }
.column { fill: var(--s0); fill-opacity: 0.35; }
dl.labels { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; margin: 0.6rem 0; }
dl.labels dt { font-weight: 600; }
dl.labels dd { margin: 0; color: var(--soft); }
.curve.dashed { stroke-dasharray: 4 3; opacity: 0.75; stroke-width: 1.5; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); }
.dot { display: inline-block; width: 0.62em; height: 0.62em; border-radius: 50%; background: var(--c); margin-right: 0.5em; }
.dot.hollow { background: none; box-shadow: inset 0 0 0 0.15em var(--c); }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; list-style: none; margin: 0 0 0.6rem; padding: 0; font-size: 0.88rem; }
.legend li { display: flex; align-items: center; gap: 0.4rem; }
.scroll { overflow-x: auto; border-radius: 0.6rem; border: 1px solid var(--line); background: var(--card); }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
.results { width: 100%; }
th, td { text-align: left; padding: 0.5rem 0.75rem; vertical-align: top; }
thead th { font-weight: 550; font-size: 0.8rem; color: var(--soft); border-bottom: 1px solid var(--strong-line); vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.interval { display: block; }
.absent { color: var(--soft); }
.results thead th.number { white-space: normal; }
.scroll.fit { width: fit-content; max-width: 100%; }
.matrix th, .matrix td { text-align: center; min-width: 6.6rem; }
.matrix th:first-child { text-align: left; position: sticky; left: 0; z-index: 1; background: var(--card); min-width: 0; }
.matrix thead small { display: block; }
.matrix td { font-variant-numeric: tabular-nums; border-left: 1px solid var(--line); white-space: nowrap; }
.matrix tbody th, .matrix td { vertical-align: middle; }
.matrix td.blank { position: relative; background: var(--paper); }
.heat { background: var(--h); }
.heat b { font-size: 1.06rem; }
.heat small { color: inherit; }
.heat.is-fresh { box-shadow: inset 0 0 0 2px var(--fresh-edge); }
.h0 { --h: var(--h0); } .h1 { --h: var(--h1); } .h2 { --h: var(--h2); } .h3 { --h: var(--h3); } .h4 { --h: var(--h4); } .h5 { --h: var(--h5); } .h6 { --h: var(--h6); }
.fresh { display: inline-block; font-size: 0.76rem; font-weight: 650; color: var(--ink); }
.guards th[scope="rowgroup"] { color: var(--soft); font-size: 0.8rem; font-weight: 550; padding-top: 0.9rem; border-top: 1px solid var(--strong-line); }
.guards th[scope="row"], .matrix thead th:first-child { font-weight: 500; white-space: normal; }
.heat-key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.6rem; max-width: none; align-items: center; }
.heat-scale { display: inline-flex; align-items: center; gap: 0.45rem; font-variant-numeric: tabular-nums; }
.heat-scale > span { display: inline-flex; border: 1px solid var(--strong-line); border-radius: 0.2rem; overflow: hidden; }
.heat-scale i { width: 1.3rem; height: 0.8rem; background: var(--h); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.round-chart { margin-top: 1.4rem; }
.mend-stage > summary { font-size: 1.08rem; padding: 0.2rem 0 0.6rem; }
.mend-stage > summary small { font-size: 0.85em; }
h4 { font-size: 0.93rem; font-weight: 600; margin: 1.4rem 0 0.6rem; }
.counts { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem; list-style: none; margin: 0 0 0.6rem; padding: 0; font-size: 0.9rem; color: var(--soft); }
.counts b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.models th:first-child { position: sticky; left: 0; z-index: 1; background: var(--card); }
.models { width: auto; }
.models .number { min-width: 7.6rem; }
.change { display: block; margin-top: 0.2rem; }
.change span { display: block; }
.change.sure { color: var(--ink); font-weight: 600; }
.more-rows, .mend details, .earlier { border-top: 0; }
.mend-stage:first-of-type { border-top: 0; }
.earlier .sample-group, .more-rows .scroll, .earlier .word-tables { margin-top: 0.9rem; }
.samples { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 29rem), 1fr)); align-items: start; }
.sample { background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem; padding: 0.9rem 1rem 0.6rem; min-width: 0; break-inside: avoid; }
.sample header { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.9rem; padding-bottom: 0.7rem; border-bottom: 1px solid var(--line); }
.sample header h3 { margin-right: auto; min-width: 0; }
.sample-group + .sample-group { margin-top: 1rem; }
.sample-group details { border: 0; }
.sample-group details .samples { margin-top: 0.8rem; }
@media (min-width: 40rem) { .sample header { flex-wrap: nowrap; } }
.sample ol { list-style: none; margin: 0; padding: 0; }
.turn { padding: 0.6rem 0.6rem 0.5rem; margin: 0 -0.6rem; border-radius: 0.4rem; }
.turn.failed { background: var(--failed); }
.who { display: block; font-size: 0.74rem; font-weight: 600; letter-spacing: 0.02em; color: var(--soft); }
.turn.target .who { color: var(--ink); }
.text { font-family: var(--serif); font-size: 1.02rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
.text.word { font-size: inherit; font-family: inherit; }
.turn.prompt .text { color: var(--soft); }
.cover { display: inline-flex; flex-wrap: wrap; gap: 0.35em 0.4em; padding: 0.35em 0; vertical-align: middle; }
.cover i { height: 0.62em; border-radius: 0.3em; background: var(--cover); }
.facts { display: flex; flex-wrap: wrap; gap: 0.15rem 0.9rem; margin-top: 0.25rem; font-size: 0.78rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.harm { display: inline-flex; align-items: center; gap: 0.45rem; font-size: 0.78rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.meter { display: inline-block; width: 2.6rem; height: 0.4rem; border-radius: 0.2rem; background: var(--line); overflow: hidden; }
.meter.wide { width: 5.5rem; margin-right: 0.6rem; vertical-align: middle; }
.meter span { display: block; height: 100%; background: var(--s2); }
.word-tables { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); margin-top: 1rem; }
.words td, .words th { padding: 0.25rem 0.6rem 0.25rem 0; }
.words table { width: 100%; margin-top: 0.4rem; }
.cluster-look { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1rem; margin: 0.9rem 0 1.2rem; align-items: start; }
.chart.cluster-map svg { max-width: none; }
.cluster-map .dots { fill: none; stroke: var(--c); stroke-width: 5; stroke-linecap: round; opacity: 0.62; cursor: pointer; pointer-events: stroke; }
.cluster-map a { outline: none; }
.cluster-map svg:has(a:hover, a:focus-visible) a:not(:hover, :focus-visible) .dots { opacity: 0.16; }
.cluster-map a:is(:hover, :focus-visible) .dots, .cluster-map a[aria-current="true"] .dots { opacity: 1; stroke-width: 8; }
.cluster-map .names text { fill: var(--ink); font-weight: 600; stroke: var(--card); stroke-width: 3.5; stroke-linejoin: round; paint-order: stroke; pointer-events: none; }
.cluster-cards > .sample { display: none; scroll-margin-top: 7rem; }
.cluster-cards > .sample:target { display: block; }
.cluster-cards > .hint { margin: 0; padding: 0.9rem 1rem; border: 1px dashed var(--strong-line); border-radius: 0.6rem; color: var(--soft); font-size: 0.9rem; }
.cluster-cards:has(> :target) > .hint { display: none; }
.cluster-cards h4 { margin: 0.8rem 0 0.2rem; font-size: 0.84rem; color: var(--soft); }
.cluster-words { margin: 0; }
.cluster-words .word { margin-right: 0.7rem; }
@media (max-width: 52rem) { .cluster-look { grid-template-columns: minmax(0, 1fr); } .cluster-cards > .sample { scroll-margin-top: 55vh; } .cluster-map .dots { stroke-width: 8; } .cluster-map a:is(:hover, :focus-visible) .dots, .cluster-map a[aria-current="true"] .dots { stroke-width: 12; } .cluster-map .names text { font-size: 20px; } }
.clusters { margin-top: 0.8rem; }
.clusters td { vertical-align: top; }
.clusters td:nth-child(2) { white-space: nowrap; }
.clusters details { border: 0; padding: 0; }
.clusters summary { font-weight: normal; }
.clusters details .text { margin-top: 0.35rem; max-width: 60ch; }
.clusters tbody a { color: inherit; }
.clusters .word { margin-right: 0.7rem; }
.facts-list { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 0.7rem 1.6rem; margin: 0 0 1.2rem; }
.facts-list dt { font-size: 0.78rem; color: var(--soft); }
.facts-list dd { margin: 0; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); padding: 0.7rem 0; }
summary { cursor: pointer; font-weight: 550; font-size: 0.93rem; }
details .inputs, details pre { margin-top: 0.7rem; }
.inputs code { overflow-wrap: anywhere; }
.inputs td { overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 0.9rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem; font-size: 0.84rem; line-height: 1.5; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.82rem; }
@media (max-width: 40rem) { .matrix th, .matrix td { min-width: 5.9rem; } .guards th[scope="row"] { max-width: 6.4rem; } .chart.wide text { font-size: 19px; } .charts.pairs .chart text { font-size: 15px; } html { font-size: 15px; } main > section { margin-top: 2.2rem; } th, td { padding: 0.45rem 0.6rem; } }
@media print { button, .skip { display: none; } html { font-size: 11px; } body { max-width: none; padding: 0; } .scroll { overflow: visible; border: 0; } main > section { margin-top: 1.6rem; } }
`;
