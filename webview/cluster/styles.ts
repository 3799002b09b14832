/** The cluster view's styles: the theme's own variables, so that all four kinds of theme are followed as they change. */
export const clusterStyles = `
:root {
  --ok: var(--vscode-charts-green, #388a34);
  --warn: var(--vscode-editorWarning-foreground, #bf8803);
  --bad: var(--vscode-editorError-foreground, #e51400);
  --quiet: var(--vscode-descriptionForeground, #717171);
  --load: var(--vscode-charts-blue, #1a85ff);
  --line: var(--vscode-widget-border, var(--vscode-panel-border, rgba(128, 128, 128, 0.35)));
  --ground: var(--vscode-editor-background);
  --text: var(--vscode-editor-foreground, var(--vscode-foreground));
}
body.vscode-high-contrast, body.vscode-high-contrast-light {
  --line: var(--vscode-contrastBorder, currentColor);
  --quiet: var(--vscode-editor-foreground);
}
html, body, #root { height: 100%; }
body { margin: 0; padding: 0; color: var(--text); background: var(--ground); font-family: var(--vscode-font-family, sans-serif); font-size: var(--vscode-font-size, 13px); }
.cluster { height: 100%; display: flex; flex-direction: column; min-width: 0; }
.for-readers { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

header { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; justify-content: space-between; padding: 10px 16px; border-bottom: 1px solid var(--line); }
.heading { min-width: 0; }
h1 { font-size: 1.15em; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
header p { margin: 2px 0 0; color: var(--quiet); }
.toolbar { display: flex; gap: 6px; }
.banner { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between; padding: 8px 16px; overflow-wrap: anywhere;
  background: var(--vscode-inputValidation-errorBackground); color: var(--vscode-inputValidation-errorForeground, var(--text)); border-bottom: 1px solid var(--vscode-inputValidation-errorBorder, var(--bad)); }
.banner span { flex: 1 1 240px; }
.note { margin: 0; padding: 6px 16px; color: var(--quiet); }

main { flex: 1 1 auto; min-height: 0; display: flex; }
.graph-frame, .table-frame { flex: 1 1 auto; min-width: 0; overflow: auto; }
aside { flex: 0 0 300px; max-width: 46%; overflow: auto; border-left: 1px solid var(--line); background: var(--vscode-sideBar-background, transparent); }

.empty { flex: 1 1 auto; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 12px; padding: 24px; text-align: center; }
.empty p { margin: 0; max-width: 420px; color: var(--quiet); overflow-wrap: anywhere; }

svg.graph { display: block; }
svg text { fill: var(--text); font-size: 12px; text-anchor: middle; paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
svg text.minor { fill: var(--quiet); font-size: 11px; }
.halo { fill: var(--ground); stroke: none; }
.node { cursor: pointer; outline: none; }
.node .halo { stroke-width: 2px; }
.node:hover .halo { stroke: var(--line); }
.node.selected .halo { stroke: var(--vscode-focusBorder, var(--load)); }
.node:focus-visible .halo { stroke: var(--vscode-focusBorder, var(--load)); stroke-width: 2.5px; stroke-dasharray: none; }
.node.selected:focus-visible .halo { stroke-width: 3.5px; }
.node.selected .name { font-weight: 600; }
.ring { fill: none; stroke: var(--line); stroke-width: 4px; }
.ring-value { fill: none; stroke: var(--load); stroke-width: 4px; transition: stroke-dasharray 300ms; }
body.vscode-high-contrast .ring, body.vscode-high-contrast-light .ring { stroke-width: 1px; }

.shape > :first-child { fill: var(--ground); stroke-width: 2.5px; }
.shape .mark { fill: none; stroke-width: 2.5px; stroke-linecap: round; stroke-linejoin: round; }
.shape.healthy > * { stroke: var(--ok); }
.shape.degraded > * { stroke: var(--warn); }
.shape.degraded > :first-child { stroke-linejoin: round; }
.shape.unreachable > * { stroke: var(--bad); }
.shape.unreachable > :first-child { stroke-dasharray: 5 4; }
.shape.down > * { stroke: var(--bad); }
.shape.down > :first-child { fill: var(--bad); }
.shape.down > .mark { stroke: var(--ground); stroke-width: 3px; }
.shape.connecting > *, .shape.gone > *, .shape.stale > * { stroke: var(--quiet); }
.shape.connecting > :first-child, .shape.gone > :first-child { stroke-dasharray: 3 4; }
.node.gone { opacity: 0.6; }
.graph.stale .link, .graph.stale .ring-value { opacity: 0.45; }
.graph.stale .ring-value { stroke: var(--quiet); }
.node.flash .halo { animation: flash 600ms ease-out; }
@keyframes flash { from { fill: var(--vscode-editor-findMatchHighlightBackground, var(--load)); } to { fill: var(--ground); } }

.link { stroke: var(--quiet); stroke-width: 1px; opacity: 0.5; fill: none; }
.link.near { opacity: 1; stroke-width: 1.5px; }
.link.one_way { stroke: var(--warn); stroke-width: 2px; stroke-dasharray: 8 4; opacity: 1; }
.link.silent { stroke: var(--bad); stroke-width: 2px; stroke-dasharray: 12 4 2 4; opacity: 1; }
.link.missing { stroke: var(--bad); stroke-width: 2px; stroke-dasharray: 2 5; stroke-linecap: round; opacity: 1; }
.island rect { fill: var(--vscode-sideBar-background, transparent); fill-opacity: 0.5; stroke: var(--line); stroke-width: 1.5px; }
.island.minority rect { stroke: var(--bad); stroke-dasharray: 6 4; }
.island.equal rect { stroke: var(--warn); stroke-dasharray: 6 4; }
.island text { text-anchor: start; }
.lost-links line { stroke: var(--bad); stroke-width: 2px; stroke-dasharray: 2 5; stroke-linecap: round; }
.lost-links text { font-size: 11px; }

.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 0; padding: 8px 16px; border-top: 1px solid var(--line); color: var(--quiet); }
.legend li { display: flex; align-items: center; gap: 6px; }
.inline-glyph { width: 18px; height: 18px; flex: none; vertical-align: middle; }
.link-sample { width: 26px; height: 10px; flex: none; }
.link-sample .link { opacity: 1; }

.details, .matrix { padding: 12px 16px; }
.matrix { border-top: 1px solid var(--line); }
.details + .matrix { margin-top: 4px; }
aside > .matrix:first-child { border-top: none; }
h2 { font-size: 1em; font-weight: 600; margin: 0 0 6px; display: flex; gap: 8px; align-items: center; }
.node-name { overflow-wrap: anywhere; }
.standing { margin: 0 0 8px; color: var(--quiet); }
.reasons { margin: 0 0 8px; padding-left: 18px; }
.reasons li { overflow-wrap: anywhere; }
dl { margin: 0 0 12px; display: grid; gap: 4px; }
dl > div { display: grid; grid-template-columns: 92px 1fr; gap: 8px; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.actions { display: flex; flex-wrap: wrap; gap: 6px; }

table { border-collapse: collapse; }
table.nodes { width: 100%; }
.nodes th, .nodes td { text-align: left; padding: 5px 12px; border-bottom: 1px solid var(--line); font-weight: normal; vertical-align: top; }
.nodes thead th { position: sticky; top: 0; background: var(--ground); color: var(--quiet); white-space: nowrap; }
.nodes td { white-space: nowrap; }
.nodes th[scope='row'] { min-width: 130px; max-width: 340px; }
.nodes td:last-child { white-space: normal; min-width: 160px; }
.nodes .figure { font-variant-numeric: tabular-nums; }
.nodes .status .inline-glyph { margin-right: 6px; }
.nodes tr.selected { background: var(--vscode-list-inactiveSelectionBackground); }
.nodes button { font: inherit; color: var(--vscode-textLink-foreground); background: none; border: none; padding: 0; cursor: pointer; text-align: left; overflow-wrap: anywhere; }
.nodes button:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px; }
.nodes.stale { color: var(--quiet); }

.matrix table { font-size: 11px; }
.matrix th { font-weight: normal; color: var(--quiet); padding: 0 4px; text-align: right; white-space: nowrap; }
.matrix thead th { text-align: center; padding: 0; }
.matrix td { width: 17px; min-width: 17px; height: 17px; padding: 0; text-align: center; border: 1px solid var(--ground); }
.matrix thead td { border: none; }
.matrix td.sees { color: var(--ok); }
.matrix td.blind { color: var(--ground); background: var(--bad); font-weight: 700; }
.matrix td.silent { color: var(--ground); background: var(--bad); font-weight: 700; }
.matrix td.unasked { color: var(--quiet); }

@media (max-width: 620px) {
  main { flex-direction: column; }
  aside { flex: 0 1 auto; max-width: none; max-height: 50%; border-left: none; border-top: 1px solid var(--line); }
  header, .legend { padding-left: 10px; padding-right: 10px; }
}
@media (prefers-reduced-motion: reduce) {
  .node.flash .halo { animation: none; }
  .ring-value { transition: none; }
}
body.vscode-reduce-motion .node.flash .halo { animation: none; }
body.vscode-reduce-motion .ring-value { transition: none; }
`;
