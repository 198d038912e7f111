import { readFileSync } from 'node:fs';
import { isCodecName } from '../../codec/registry.js';
import { ioError } from '../../image/fs/errno.js';
import { badArgument } from '../../page/error.js';
import { type Costs, MEASURED_COSTS } from '../../simulate/costs.js';
import { measureCosts } from '../../simulate/measure-costs.js';

/** Value of --costs in place of a file name. */
export const MEASURED = 'measured';

const US_FIELDS = ['copyUs', 'scanUs', 'lookupUs', 'similarUs', 'profileUs'] as const;
const PACK_CODEC = /^(lz4|zstd:([1-9]|1\d|2[0-2]))$/;

/**
 * CPU costs for the simulator: the built-in ones, those of this machine (`measured`), or a JSON file in the
 * form of `costs` in a row of `simulate --json`.
 * @throws PageferryError `io`; `bad-argument` that names the field
 */
export async function loadCosts(path: string | undefined): Promise<Costs> {
  if (path === undefined) return MEASURED_COSTS;
  if (path === MEASURED) return measureCosts();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw ioError(`--costs ${path}`, 'cannot read', cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw badArgument(`--costs ${path}: not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return new CostsParser(`--costs ${path}`).parse(parsed);
}

type Fields = Readonly<Record<string, unknown>>;

/** Copies the known fields of parsed JSON, so that equal costs are always reported alike. */
class CostsParser {
  constructor(private readonly where: string) {}

  parse(parsed: unknown): Costs {
    const fields = this.object('costs', parsed);
    const us = Object.fromEntries(US_FIELDS.map((field) => [field, this.microseconds(field, fields[field])]));
    const pack = this.entries(fields, 'packBytesPerMs', (key) => PACK_CODEC.test(key), this.rate);
    const unpack = this.object('unpackBytesPerMs', fields.unpackBytesPerMs);
    return {
      name: this.text('name', fields.name),
      ...(us as Record<(typeof US_FIELDS)[number], number>),
      encodeUs: this.entries(fields, 'encodeUs', isCodecName, this.microseconds),
      decodeUs: this.entries(fields, 'decodeUs', isCodecName, this.microseconds),
      packBytesPerMs: { ...pack, lz4: this.rate('packBytesPerMs.lz4', pack.lz4) },
      unpackBytesPerMs: {
        lz4: this.rate('unpackBytesPerMs.lz4', unpack.lz4),
        zstd: this.rate('unpackBytesPerMs.zstd', unpack.zstd),
      },
      encryptBytesPerMs: this.rate('encryptBytesPerMs', fields.encryptBytesPerMs),
    };
  }

  private readonly microseconds = (field: string, value: unknown): number =>
    typeof value === 'number' && value >= 0 && value < 1e9
      ? value
      : this.refuse(field, 'a number of microseconds', value);

  private readonly rate = (field: string, value: unknown): number =>
    typeof value === 'number' && value > 0 && value < 1e15
      ? value
      : this.refuse(field, 'bytes per millisecond above 0', value);

  private text(field: string, value: unknown): string {
    return typeof value === 'string' && value !== '' ? value : this.refuse(field, 'a text', value);
  }

  private object(field: string, value: unknown): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    return this.refuse(field, 'an object', value);
  }

  private entries<T>(
    fields: Fields,
    field: string,
    isKnown: (key: string) => boolean,
    parse: (field: string, value: unknown) => T,
  ): Record<string, T> {
    return Object.fromEntries(
      Object.entries(this.object(field, fields[field])).map(([key, value]) => {
        if (!isKnown(key)) return this.refuse(`${field}.${key}`, 'a codec that has a cost here', value);
        return [key, parse(`${field}.${key}`, value)];
      }),
    );
  }

  private refuse(field: string, expected: string, got: unknown): never {
    throw badArgument(
      `${this.where}: ${field}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`,
    );
  }
}
