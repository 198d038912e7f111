import { createScratchSink } from '../../image/fs/scratch-sink.js';
import { defineCommand } from '../command.js';
import { decodeFile, reportDecoded } from '../decode.js';
import { checkInputs } from '../paths.js';
import { fileName } from '../values.js';

export const command = defineCommand({
  name: 'verify',
  summary: 'check that a stream decodes to the images that were packed',
  operands: { label: 'FILE', min: 1, max: 1 },
  options: {
    base: {
      value: 'IMAGE',
      help: 'image that the stream was packed against',
      parse: fileName,
      repeatable: true,
    },
    json: { help: 'report as one JSON object' },
  },
  details: ['FILE is a packed file, or - for standard input. Images are decoded into TMPDIR and removed.'],
  async run({ values, operands, signal }) {
    const [file] = operands;
    checkInputs([file!, ...values.base]);
    const summary = await decodeFile(file!, values.base, 'verifying', createScratchSink, signal);
    reportDecoded(summary, values.json);
  },
});
