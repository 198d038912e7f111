import { readFileSync } from 'node:fs';
import { isCodecName } from '../../codec/registry.js';
import { PageferryError } from '../../page/error.js';
import { type Costs, MEASURED_COSTS } from '../../simulate/costs.js';
import { measureCosts } from '../../simulate/measure-costs.js';

/** In place of a file's name. */
export const MEASURED = 'measured';

const US = ['copyUs', 'surveyUs', 'lookUpUs', 'similarUs', 'profileUs'] as const;

/**
 * What work takes: as measured once on one machine, unless it is to be `measured` here and now, or a file says it. A row of
 * `simulate --json` has its costs in such a form.
 * @throws PageferryError `io`; `bad-argument` that names the field
 */
export async function costsOf(path: string | undefined): Promise<Costs> {
  if (path === undefined) return MEASURED_COSTS;
  if (path === MEASURED) return measureCosts();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PageferryError('io', `--costs ${path}: cannot read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new PageferryError('bad-argument', `--costs ${path}: is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return checked(parsed, `--costs ${path}`);
}

/** Only what costs have is taken over, so that the same costs are always written the same way. */
function checked(parsed: unknown, where: string): Costs {
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new PageferryError(
      'bad-argument',
      `${where}: ${field}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`,
    );
  };
  const object = (field: string, value: unknown): Readonly<Record<string, unknown>> => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    return refuse(field, 'an object', value);
  };
  const time = (field: string, value: unknown): number =>
    typeof value === 'number' && value >= 0 && value < 1e9
      ? value
      : refuse(field, 'a number of microseconds', value);
  const rate = (field: string, value: unknown): number =>
    typeof value === 'number' && value > 0 && value < 1e15
      ? value
      : refuse(field, 'bytes a millisecond, above 0', value);
  const whole = object('costs', parsed);
  const entries = <T>(
    field: string,
    known: (key: string) => boolean,
    each: (field: string, value: unknown) => T,
  ) =>
    Object.fromEntries(
      Object.entries(object(field, whole[field])).map(([key, value]) => {
        if (!known(key)) return refuse(`${field}.${key}`, 'only what has costs there', value);
        return [key, each(`${field}.${key}`, value)];
      }),
    );
  const { name } = whole;
  const pack = entries('packBytesPerMs', (key) => /^(lz4|zstd:([1-9]|1\d|2[0-2]))$/.test(key), rate);
  const unpack = object('unpackBytesPerMs', whole.unpackBytesPerMs);
  const [copyUs, surveyUs, lookUpUs, similarUs, profileUs] = US.map((field) => time(field, whole[field])) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    name: typeof name === 'string' && name !== '' ? name : refuse('name', 'a text', name),
    copyUs,
    surveyUs,
    lookUpUs,
    similarUs,
    profileUs,
    encodeUs: entries('encodeUs', isCodecName, time),
    decodeUs: entries('decodeUs', isCodecName, time),
    packBytesPerMs: { ...pack, lz4: rate('packBytesPerMs.lz4', pack.lz4) },
    unpackBytesPerMs: {
      lz4: rate('unpackBytesPerMs.lz4', unpack.lz4),
      zstd: rate('unpackBytesPerMs.zstd', unpack.zstd),
    },
    sealBytesPerMs: rate('sealBytesPerMs', whole.sealBytesPerMs),
  };
}
