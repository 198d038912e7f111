// A file on a web server, read by range requests (RFC 9110, section 14).
import http from 'node:http';
import https from 'node:https';
import { badArgument, PageferryError } from '../../page/error.js';
import { socketReason } from '../../page/socket-reason.js';
import { sleep, throwIfAborted } from '../../page/sync.js';
import { checkRange, type FileVersion, readVersion, versionHeaders } from './range-response.js';

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_REDIRECTS = 5;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 100;
const MAX_CONNECTIONS = 8;

/** Options of {@link openHttpFile}. */
export interface HttpFileOptions {
  /** Time without a byte after which a request is given up, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Pause before a failed request is repeated, in milliseconds; each next one is twice as long. */
  readonly retryMs?: number;
}

/** A file on a web server. */
export interface HttpFile {
  /** The URL without user, password and query, which may be secrets. */
  readonly name: string;
  readonly bytes: number;
  /**
   * Return these bytes, all of which lie in the file. Requests that the network fails are repeated.
   * @throws PageferryError `io`: what the server answered, or that the file has changed since it was opened
   */
  fetch(position: number, bytes: number): Promise<Uint8Array>;
  /** Close the connections; later calls are refused. */
  close(): void;
}

/** Whether a text is the URL of a web server. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** Open a file on a web server. @throws PageferryError `io`, `unsupported` if it has no range requests */
export async function openHttpFile(url: string, options: HttpFileOptions = {}): Promise<HttpFile> {
  const requests = new RangeRequests(parseUrl(url), options);
  try {
    const { version } = await requests.run(0, 1);
    return {
      name: requests.name,
      bytes: version.bytes,
      fetch: async (position, bytes) => (await requests.run(position, bytes, version)).bytes,
      close: () => requests.close(),
    };
  } catch (error) {
    requests.close();
    throw error;
  }
}

function parseUrl(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw badArgument(`${text}: not a URL; write https://HOST/PATH`);
}

interface RangeResult {
  readonly bytes: Uint8Array;
  readonly version: FileVersion;
}

/** A failure that may not happen again. */
class TransientError extends PageferryError {}

/** Makes range requests to one URL. */
class RangeRequests {
  readonly name: string;
  private readonly timeoutMs: number;
  private readonly retryMs: number;
  private readonly agents: readonly [http.Agent, https.Agent];
  private readonly closing = new AbortController();
  /** Target of the last redirect. */
  private target: URL;

  constructor(
    private readonly origin: URL,
    { timeoutMs = DEFAULT_TIMEOUT_MS, retryMs = FIRST_RETRY_MS }: HttpFileOptions,
  ) {
    this.name = `${origin.origin}${origin.pathname}`;
    this.target = origin;
    this.timeoutMs = timeoutMs;
    this.retryMs = retryMs;
    const agentOptions = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
    this.agents = [new http.Agent(agentOptions), new https.Agent(agentOptions)];
  }

  close(): void {
    this.closing.abort(badArgument(`${this.name}: used after close`));
    for (const agent of this.agents) agent.destroy();
  }

  /** `version`: what the file has to be; unless it is being opened. */
  async run(position: number, bytes: number, version?: FileVersion): Promise<RangeResult> {
    throwIfAborted(this.closing.signal);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.follow(position, bytes, version);
      } catch (error) {
        throwIfAborted(this.closing.signal);
        if (!(error instanceof TransientError)) throw error;
        if (attempt === MAX_ATTEMPTS)
          throw new PageferryError('io', `${error.message} (${MAX_ATTEMPTS} attempts)`, { cause: error });
        await sleep(this.retryMs * 2 ** (attempt - 1), this.closing.signal);
      }
    }
  }

  /** One request, or as many as the server redirects. */
  private async follow(position: number, bytes: number, version?: FileVersion): Promise<RangeResult> {
    const known = this.target;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.request(position, bytes, version);
      const { statusCode = 0, headers } = response;
      const isRedirect = [301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined;
      if (isRedirect) {
        response.destroy();
        this.target = this.redirected(headers.location!);
        continue;
      }
      // The URL that a redirect led to may be valid for some minutes only.
      if (statusCode >= 400 && statusCode < 500 && redirects === 0 && known !== this.origin) {
        response.destroy();
        this.target = this.origin;
        continue;
      }
      return await this.receive(response, position, bytes, version);
    }
    throw new PageferryError('io', `${this.name}: more than ${MAX_REDIRECTS} redirects`);
  }

  private redirected(location: string): URL {
    const to = URL.canParse(location, this.target) ? new URL(location, this.target) : undefined;
    const isAllowed =
      to?.protocol === 'https:' || (to?.protocol === 'http:' && this.target.protocol === 'http:');
    if (to && isAllowed) return to;
    throw new PageferryError(
      'io',
      `${this.name}: redirected to ${location.slice(0, 200)}, which is not followed`,
    );
  }

  private request(position: number, bytes: number, version?: FileVersion): Promise<http.IncomingMessage> {
    const { target, timeoutMs } = this;
    const isSecure = target.protocol === 'https:';
    const headers = {
      range: `bytes=${position}-${position + bytes - 1}`,
      'accept-encoding': 'identity',
      'user-agent': 'pageferry',
      ...versionHeaders(version),
    };
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) =>
        reject(
          cause instanceof PageferryError
            ? cause
            : new TransientError('io', `${this.name}: the request failed: ${socketReason(cause)}`, { cause }),
        );
      const request = (isSecure ? https : http).get(
        target,
        { headers, agent: this.agents[isSecure ? 1 : 0] },
        resolve,
      );
      request.on('error', fail);
      request.setTimeout(timeoutMs, () =>
        request.destroy(new TransientError('io', `${this.name}: sent nothing for ${timeoutMs / 1000} s`)),
      );
    });
  }

  /** Check the head of a response, and receive its body. */
  private async receive(
    response: http.IncomingMessage,
    position: number,
    bytes: number,
    version?: FileVersion,
  ): Promise<RangeResult> {
    const { statusCode = 0, statusMessage, headers } = response;
    try {
      if (statusCode >= 500 || statusCode === 429 || statusCode === 408)
        throw new TransientError('io', `${this.name}: the server answered ${statusCode} ${statusMessage}`);
      const found = readVersion(this.name, statusCode, statusMessage ?? '', headers, version);
      const end = Math.min(position + bytes, found.bytes);
      checkRange(this.name, headers, position, end);
      return { version: found, bytes: await this.body(response, end - position) };
    } finally {
      // A body that was received to its end leaves the connection open for the next request.
      if (!response.complete) response.destroy();
    }
  }

  private async body(response: http.IncomingMessage, bytes: number): Promise<Uint8Array> {
    const into = new Uint8Array(bytes);
    let done = 0;
    try {
      for await (const part of response as AsyncIterable<Buffer>) {
        if (part.length > bytes - done)
          throw new PageferryError(
            'io',
            `${this.name}: the server sent more than the ${bytes} bytes asked for`,
          );
        into.set(part, done);
        done += part.length;
      }
    } catch (cause) {
      if (cause instanceof PageferryError) throw cause;
      const reason = socketReason(cause as Error);
      throw new TransientError('io', `${this.name}: ended after ${done} of ${bytes} bytes: ${reason}`, {
        cause,
      });
    }
    if (done === bytes) return into;
    throw new TransientError('io', `${this.name}: the server sent ${done} of ${bytes} bytes`);
  }
}
