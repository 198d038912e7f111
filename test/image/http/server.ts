import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A file of a web server; a test changes it and what the server does. */
export interface WebFile {
  content: Buffer;
  etag: string | undefined;
  /** Called before the usual answer; returns whether it has answered. */
  answer?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean;
  /** Requests so far, as "FIRST-LAST" of their ranges. */
  readonly ranges: string[];
  readonly url: string;
}

/** Starts a server of one file, with range requests and If-Range, which ends with the test. */
export async function serveFile(content: Buffer, answer?: WebFile['answer']): Promise<WebFile> {
  const server = createServer((request, response) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    file.ranges.push(match ? `${match[1]}-${match[2]}` : 'all');
    if (file.answer?.(request, response, file.ranges.length)) return;
    const headers: Record<string, string> = file.etag === undefined ? {} : { etag: file.etag };
    const isOther = request.headers['if-range'] !== undefined && request.headers['if-range'] !== file.etag;
    if (!match || isOther) {
      response.writeHead(200, headers).end(file.content);
      return;
    }
    sendRange(response, file.content, Number(match[1]), Number(match[2]), headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const file: WebFile = {
    content,
    etag: '"1"',
    ...(answer && { answer }),
    ranges: [],
    url: `http://127.0.0.1:${port}/dir/file.pack`,
  };
  return file;
}

export function sendRange(
  response: ServerResponse,
  content: Buffer,
  first: number,
  last: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  const part = content.subarray(first, last + 1);
  const range = `bytes ${first}-${first + part.length - 1}/${content.length}`;
  if (first >= content.length) response.writeHead(416, headers).end();
  else
    response.writeHead(206, { ...headers, 'content-range': range, 'content-length': part.length }).end(part);
}
