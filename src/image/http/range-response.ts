import type { IncomingHttpHeaders } from 'node:http';
import { PageferryError } from '../../page/error.js';

/** What identifies the content of a file on a server: each part has to stay what it was. */
export interface FileVersion {
  readonly bytes: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** Return headers that have a server send the whole file, in place of a range, if it has changed. */
export function versionHeaders(version: FileVersion | undefined): Readonly<Record<string, string>> {
  const { etag, lastModified } = version ?? {};
  // A weak entity tag cannot be asked for; each response is compared anyway.
  const validator = etag === undefined ? lastModified : etag.startsWith('W/') ? undefined : etag;
  return validator === undefined ? {} : { 'if-range': validator };
}

/**
 * Read the status and headers of the response to a range request, and compare the file with the `expected`
 * version.
 * @throws PageferryError why the response cannot be used
 */
export function readVersion(
  name: string,
  status: number,
  statusMessage: string,
  headers: IncomingHttpHeaders,
  expected?: FileVersion,
): FileVersion {
  const total = contentRange(headers)?.total;
  if (status === 200 && expected) throw changed(name, 'it does not match its entity tag or date any more');
  if (status === 200)
    throw new PageferryError(
      'unsupported',
      `${name}: the server ignores range requests; use one that answers them, or download the file`,
    );
  if (status === 416)
    throw expected ? changed(name, 'it is shorter') : new PageferryError('bad-stream', `${name}: is empty`);
  if (status !== 206)
    throw new PageferryError('io', `${name}: the server answered ${status} ${statusMessage}`.trimEnd());
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    throw new PageferryError(
      'io',
      `${name}: the server sent it as ${headers['content-encoding']}, not as it is stored`,
    );
  if (total === undefined)
    throw new PageferryError(
      'io',
      `${name}: the server does not give the size of the file (Content-Range: ${headers['content-range'] ?? 'none'})`,
    );
  const found = { bytes: total, etag: headers.etag, lastModified: headers['last-modified'] };
  if (expected && found.bytes !== expected.bytes)
    throw changed(name, `it had ${expected.bytes} bytes and has ${found.bytes}`);
  if (expected && (found.etag !== expected.etag || found.lastModified !== expected.lastModified))
    throw changed(name, 'its entity tag or date is another');
  return found;
}

/** Check that a response has the bytes from `position` to `end`. @throws PageferryError `io` */
export function checkRange(name: string, headers: IncomingHttpHeaders, position: number, end: number): void {
  const range = contentRange(headers);
  if (range?.first === position && range.last === end - 1) return;
  throw new PageferryError(
    'io',
    `${name}: asked for bytes ${position} to ${end - 1}, the server sent others (${headers['content-range']})`,
  );
}

function contentRange(headers: IncomingHttpHeaders) {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers['content-range'] ?? '');
  return match ? { first: Number(match[1]), last: Number(match[2]), total: Number(match[3]) } : undefined;
}

function changed(name: string, how: string): PageferryError {
  return new PageferryError(
    'io',
    `${name}: has changed on the server since it was opened: ${how}; open it again`,
  );
}
