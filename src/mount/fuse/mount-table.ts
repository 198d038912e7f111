// The system's table of mounts. A mount of this program has the source "pageferry:SPECIFICATION", which
// findmnt, mount and df print too.
import fs from 'node:fs';
import { resolve } from 'node:path';
import { isHttpUrl } from '../../image/http/http-file.js';

const TABLE = '/proc/self/mountinfo';
const PREFIX = 'pageferry:';
const TYPE = 'fuse';
/** The kernel takes sources of fewer than 256 bytes. */
const MAX_SOURCE_BYTES = 250;

/** Return the source that the table shows for a mount, without user, password and query of a URL. */
export function mountSource(specification: string): string {
  const isUrl = isHttpUrl(specification) && URL.canParse(specification);
  const { origin, pathname } = isUrl ? new URL(specification) : { origin: '', pathname: '' };
  const name = isUrl ? `${origin}${pathname}` : resolve(specification);
  const source = `${PREFIX}${name}`;
  if (Buffer.byteLength(source) <= MAX_SOURCE_BYTES) return source;
  // The end of a path tells more than its beginning.
  const end = Buffer.from(name).subarray(-(MAX_SOURCE_BYTES - Buffer.byteLength(`${PREFIX}...`)));
  return `${PREFIX}...${end.toString().replaceAll('\ufffd', '')}`;
}

/** Return the specification that this program has mounted at `path`, if that mount is the visible one. */
export function mountedAt(path: string, table = readTable()): string | undefined {
  const real = fs.realpathSync(path);
  let found: string | undefined;
  for (const line of table.split('\n')) {
    // id parent device root point options tag... - type source options; the last mount of a point is visible.
    const [left = '', right = ''] = line.split(' - ');
    if (unescaped(left.split(' ')[4] ?? '') !== real) continue;
    const [type, source = ''] = right.split(' ');
    const name = unescaped(source);
    found = type === TYPE && name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
  }
  return found;
}

/** Return the table; an empty text on a system without one. */
function readTable(): string {
  try {
    return fs.readFileSync(TABLE, 'utf8');
  } catch {
    return '';
  }
}

/** Decode octal escapes: the table writes a space as \040. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
