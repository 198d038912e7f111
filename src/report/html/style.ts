import { CODEC_RULES } from './codec-colours.js';

/** The page's style sheet: light or dark as the reader's system, one column, charts in the size that fits. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f4f6f8; --text: #1b1f24; --soft: #57606a; --edge: #d5dae0; --accent: #0b57b0; --good: #1a6b2c;
  --raw: #57606a; --adaptive: #b3261e;
  --series-0: #1565c0; --series-1: #2e7d32; --series-2: #8a4b00; --series-3: #6a3fb5;
  --series-4: #00707f; --series-5: #a8327a; --series-6: #5b6b00; --series-7: #7a4f3a;
  --codec-zero: #e6e9ed; --codec-fill: #c3cad3; --codec-unchanged: #b9dfc3; --codec-same-as: #5aa873;
  --codec-xbzrle: #8d5cc4; --codec-similar: #c9a6e6; --codec-rle: #f4cf5e; --codec-zero-aware: #ee9f43; --codec-wkdm: #b8621b;
  --codec-lz4: #7db4e6; --codec-zstd: #2767ad; --codec-raw: #c62f26;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1c2229; --text: #e6eaef; --soft: #a3adb8; --edge: #363f49; --accent: #7fb6ff; --good: #7bd68d;
    --raw: #aab3bd; --adaptive: #ff8a7a;
    --series-0: #7ab8ff; --series-1: #79cf7d; --series-2: #f0b060; --series-3: #c3a6ff;
    --series-4: #5fd0e6; --series-5: #ff9ad1; --series-6: #c7d84f; --series-7: #e0b39c;
    --codec-zero: #2a313a; --codec-fill: #515c69; --codec-unchanged: #2f6340; --codec-same-as: #58b277;
    --codec-xbzrle: #a276dc; --codec-similar: #6b4a94; --codec-rle: #e6c04a; --codec-zero-aware: #d98a30; --codec-wkdm: #a4561a;
    --codec-lz4: #8cc4f5; --codec-zstd: #3d7fc9; --codec-raw: #e5574c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main, footer { max-width: 1028px; margin: 0 auto; padding: 0 24px; }
h1 { font-size: 28px; line-height: 1.2; margin: 32px 0 8px; }
h2 { font-size: 22px; line-height: 1.3; margin: 40px 0 4px; }
h3 { font-size: 17px; margin: 36px 0 4px; }
p { margin: 0 0 8px; }
a { color: var(--accent); }
.soft, figcaption { color: var(--soft); font-size: 14px; }
nav ul { margin: 8px 0; padding-left: 20px; }
.advice { list-style: none; margin: 16px 0; padding: 0; display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
.advice li { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 16px; }
.advice p { margin: 0; font-size: 14px; }
.advice .at { color: var(--soft); }
.advice .use { font-size: 19px; font-weight: 600; margin: 2px 0; }
.gain { color: var(--good); font-size: 14px; white-space: nowrap; }
.ceiling { font-weight: 600; }
figure { margin: 0; }
figcaption { margin-bottom: 12px; max-width: 70ch; }
figure svg { display: block; max-width: 100%; height: auto; overflow: visible; }
figure svg text { font-variant-numeric: tabular-nums; }
.wide svg { width: 100%; }
.narrow { display: none; }
.lead { stroke-width: 1; opacity: .8; }
.labels text { paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; }
[aria-label$='grid'] { stroke-opacity: .13; }
.map rect { shape-rendering: crispEdges; }
.map { overflow: hidden !important; border: 1px solid var(--edge); }
${CODEC_RULES}
.legend { list-style: none; margin: 12px 0 0; padding: 0; display: grid; gap: 4px 20px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); font-size: 14px; }
.legend li { display: flex; gap: 8px; }
.legend svg.swatch { flex: none; width: 14px; height: 14px; margin-top: 4px; }
.swatch.filled { outline: 1px solid var(--edge); }
.advice.four { grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr)); }
.deferred { list-style: none; margin: 0; padding: 0; display: grid; gap: 14px 32px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.deferred > li > svg { width: 100%; height: 12px; background: var(--card); border: 1px solid var(--edge); }
.deferred + p { margin-top: 14px; }
.deferred ul { list-style: none; margin: 4px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 20px; font-size: 14px; }
.deferred ul li { display: flex; gap: 8px; }
.deferred svg.swatch { flex: none; width: 14px; height: 14px; margin-top: 4px; }
details { margin-top: 16px; }
summary { cursor: pointer; color: var(--accent); }
.scroll { overflow-x: auto; border: 1px solid var(--edge); border-radius: 8px; margin-top: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { overflow-wrap: normal; padding: 4px 8px; text-align: right; white-space: nowrap; }
th { font-weight: 600; }
.words { text-align: left; }
th:first-child { text-align: left; vertical-align: top; }
th .soft { font-weight: 400; font-size: 13px; }
thead th { background: var(--card); border-bottom: 1px solid var(--edge); }
tbody + tbody { border-top: 1px solid var(--edge); }
footer { margin-top: 48px; padding-bottom: 32px; border-top: 1px solid var(--edge); font-size: 14px; }
footer h2 { font-size: 17px; margin-top: 20px; }
dl { margin: 8px 0; }
dl div { display: flex; gap: 12px; }
dt { color: var(--soft); flex: none; width: 84px; }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
@media (max-width: 720px) {
  main, footer { padding: 0 16px; }
  h1 { font-size: 24px; }
  .wide { display: none; }
  .narrow { display: block; }
  .narrow svg { width: 100%; max-width: 440px; }
}
`;
