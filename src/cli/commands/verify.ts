import { createScratchSink } from '../../image/fs/scratch-sink.js';
import { checkInputs, parse } from '../args.js';
import { decodeFile, reportDecoded } from '../decode.js';
import { UsageError } from '../usage.js';

export async function verify(argv: readonly string[]): Promise<void> {
  const args = parse('verify', argv, { base: { type: 'string', multiple: true }, json: { type: 'boolean' } });
  const [file, ...more] = args.positionals;
  if (file === undefined || more.length > 0) throw new UsageError('verify: needs one FILE');
  const bases = args.texts('base');
  checkInputs('verify', [file, ...bases]);
  reportDecoded(await decodeFile(file, bases, 'verifying', createScratchSink), args.flag('json'));
}
