import { openImage } from './src/image/open.js';
import { measureTradeoff } from './src/tradeoff/tradeoff.js';
const files = process.argv.slice(2);
const cpuClock = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
const report = await measureTradeoff(files.map((f) => ({ name: f, open: () => f.split(',').map((x) => openImage(x)) })), { links: [100e6, 1e9, 10e9, 40e9], threads: 2, cpuClock, made: { zstd: 'x' } as any, progress: (t) => process.stderr.write(t + '\n') });
for (const w of report.workloads) {
  console.log(w.name, w.pages, w.bytesIn);
  for (const way of w.ways) console.log(way.name.padEnd(18), way.onFront ? '*' : ' ', (way.breakEvenBitsPerSecond ?? NaN) / 1e9, way.atLinks.map(({ measure: m, time: t }) => `${t.totalMs.toFixed(0)}ms(e${m.encodeMs.toFixed(0)} d${m.decodeMs.toFixed(0)} c${m.cpuMs.toFixed(0)} ${(m.bytesOut / 1e6).toFixed(1)}MB)`).join(' | '));
  for (const a of w.advice) console.log(a.linkBitsPerSecond, a.text);
  console.log(w.map.counts, w.map.cells.length, w.steps.map((s) => `${s.from}->${s.to} ${s.bytesSavedPerUs.toFixed(0)}B/us`).join(' '));
}
