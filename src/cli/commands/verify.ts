import { createScratchSink } from '../../image/fs/scratch-sink.js';
import { defineCommand } from '../command.js';
import { decodeFile, reportDecoded } from '../decode.js';
import { checkInputs } from '../paths.js';
import { BASE_FORMAT_OPTION, BASE_OPTION, JSON_OPTION, MAX_BYTES_OPTION } from '../shared-options.js';

export const command = defineCommand({
  name: 'verify',
  summary: 'check that a stream decodes to the images that were packed',
  operands: { label: 'FILE', min: 1, max: 1 },
  options: {
    base: BASE_OPTION,
    format: BASE_FORMAT_OPTION,
    'max-bytes': MAX_BYTES_OPTION,
    json: JSON_OPTION,
  },
  details: ['FILE is a packed file, or - for standard input. Images are decoded into TMPDIR and removed.'],
  async run({ values: { base, format, json, 'max-bytes': maxImageBytes }, operands, signal }) {
    const file = operands[0]!;
    checkInputs([file, ...base]);
    const job = { file, bases: base, format, maxImageBytes, signal, activity: 'verifying' };
    reportDecoded(await decodeFile(job, createScratchSink), json);
  },
});
