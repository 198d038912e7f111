import { captureProcess } from '../../image/process/capture.js';
import { bytesText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { MODE_OPTION } from '../common-options.js';
import { REPORT_DETAILS } from '../details.js';
import { JSON_OPTION } from '../json-option.js';
import { checkOutput } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { reportStream } from '../terminal.js';
import { fileName, wholeNumber } from '../values.js';

const MAX_PID = 2 ** 22;

export const command = defineCommand({
  name: 'capture',
  summary: "write a running process's memory as an ELF core (Linux)",
  options: {
    pid: { value: 'PID', help: 'process to read', parse: wholeNumber(1, MAX_PID), required: true },
    output: {
      short: 'o',
      value: 'FILE',
      help: 'ELF core file; - for standard output',
      parse: fileName,
      required: true,
    },
    stop: { help: 'stop the process while its memory is read' },
    mode: MODE_OPTION,
    json: JSON_OPTION,
  },
  details: [REPORT_DETAILS],
  async run({ values: { pid, output, stop, mode, json }, signal }) {
    checkOutput(output, []);
    const line = createProgressLine('capturing');
    const startedMs = performance.now();
    try {
      const { bytes, regions, skippedBytes, storedBytes } = await captureProcess(pid, output, {
        stop,
        signal,
        ...(mode !== undefined && { mode }),
        onProgress: line.onBytes,
      });
      line.end();
      const ms = performance.now() - startedMs;
      const print = reportStream(output);
      if (json) {
        print(`${JSON.stringify({ pid, bytes, storedBytes, skippedBytes, regions: regions.length, ms })}\n`);
        return;
      }
      const skipped = skippedBytes > 0 ? `; ${bytesText(skippedBytes)} unreadable, stored as zeros` : '';
      print(
        `pid ${pid}: ${bytesText(bytes)} in ${regions.length} regions, ${bytesText(storedBytes)} not zero${skipped}\n`,
      );
    } finally {
      line.end();
    }
  },
});
