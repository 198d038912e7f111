import { captureProcess } from '../../image/process/capture.js';
import { bytesText } from '../../report/terminal/units.js';
import { outputPath, parse, parseWhole, required } from '../args.js';
import { reportTo } from '../decode.js';
import { progress } from '../progress.js';
import { UsageError } from '../usage.js';

const MAX_PID = 2 ** 22;

export async function capture(argv: readonly string[]): Promise<void> {
  const args = parse('capture', argv, {
    pid: { type: 'string' },
    output: { type: 'string', short: 'o' },
    stop: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (args.positionals.length > 0) throw new UsageError(`capture: unexpected "${args.positionals[0]}"`);
  const pid = parseWhole('--pid', required(args, 'capture', 'pid'), 1, MAX_PID);
  const path = outputPath(args, 'capture', []);
  const line = progress('capturing');
  const started = performance.now();
  try {
    const { bytes, regions, skippedBytes, storedBytes } = await captureProcess(pid, path, {
      stop: args.flag('stop'),
      onProgress: (done, of) => line.at(done, of),
    });
    line.end();
    const ms = performance.now() - started;
    const out = reportTo(path);
    if (args.flag('json'))
      out.write(
        `${JSON.stringify({ pid, bytes, storedBytes, skippedBytes, regions: regions.length, ms })}\n`,
      );
    else {
      const skipped = skippedBytes > 0 ? `, ${bytesText(skippedBytes)} could not be read and are zero` : '';
      out.write(
        `pid ${pid}: ${bytesText(bytes)} in ${regions.length} regions, ${bytesText(storedBytes)} of them not zero${skipped}\n`,
      );
    }
  } finally {
    line.end();
  }
}
