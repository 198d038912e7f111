import type { DecodeSummary } from '../../engine/decode/decoder.js';
import { verifyStream } from '../../engine/page-reader/verify-stream.js';
import { withFileName } from '../../image/fs/errno.js';
import { createScratchSink, scratchHasSpace } from '../../image/fs/scratch-sink.js';
import { defineCommand } from '../command.js';
import { BASE_FORMAT_OPTION, BASE_OPTION, MAX_BYTES_OPTION } from '../common-options.js';
import { type DecodeJob, decodeFile, openPacked, reportDecoded, withBases } from '../decode.js';
import { JSON_OPTION } from '../json-option.js';
import { checkInputs } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { DECODING_THREADS_OPTION, threadCount } from '../threads.js';

export const command = defineCommand({
  name: 'verify',
  summary: 'check that a stream decodes to the images that were packed',
  operands: { label: 'FILE', min: 1, max: 1 },
  options: {
    base: BASE_OPTION,
    format: BASE_FORMAT_OPTION,
    threads: DECODING_THREADS_OPTION,
    'max-bytes': MAX_BYTES_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'FILE is a packed file, or - for standard input. Pages that others refer to are stored in scratch files in TMPDIR: the referenced parts of a packed file, all images of a pipe. If TMPDIR is full, pages of a packed file are decoded again instead.',
  ],
  async run({ values, operands, signal }) {
    const { base, format, json, 'max-bytes': maxImageBytes } = values;
    const threads = threadCount(values.threads ?? 1);
    const file = operands[0]!;
    checkInputs([file, ...base]);
    const job = { file, bases: base, format, maxImageBytes, threads, signal, activity: 'verifying' };
    reportDecoded(await verify(job), json);
  },
});

async function verify(job: DecodeJob): Promise<DecodeSummary> {
  const source = openPacked(job.file);
  if (!source.readAt) return decodeFile(job, createScratchSink, { source, openContainer: createScratchSink });
  const { maxImageBytes, threads, signal } = job;
  const line = createProgressLine(job.activity);
  try {
    return await withBases(job, (bases) =>
      verifyStream(source, {
        bases,
        maxImageBytes,
        threads,
        signal,
        onProgress: line.onBytes,
        openScratch: (bytes) => (scratchHasSpace(bytes) ? createScratchSink : undefined),
      }),
    );
  } catch (error) {
    throw withFileName(source.name, error);
  } finally {
    line.end();
    source.close();
  }
}
