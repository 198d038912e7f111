// Two hosts of a test: a destination that listens, a source that connects, and the outcome on both.

import {
  type GuestDestination,
  type ReceivedGuest,
  receiveGuest,
} from '../../src/agent/guest/receive-guest.js';
import { type GuestSource, type SentGuest, sendGuest } from '../../src/agent/guest/send-guest.js';
import { connectChannel } from '../../src/channel/connect.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
import { type ChannelListener, type ListenOptions, listenForChannels } from '../../src/channel/listen.js';
import type { ChannelOptions, Security } from '../../src/channel/security.js';
import type { GuestMemory } from '../../src/engine/live/page-receiver.js';
import type { PageferryError } from '../../src/page/error.js';
import { Signal } from '../../src/page/sync.js';
import { smallest } from '../../src/strategy/smallest.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { ReceivedMemory } from '../support/live.js';
import { Authority } from './certificates.js';

const PAGE = 4096;
export const authority = new Authority('our authority');
export const SOURCE = authority.issue({ cn: 'host-a', dns: ['a.example'] });
export const DESTINATION = authority.issue({ cn: 'host-b', dns: ['b.example'] });

/** Options of both hosts for a channel over TLS and over plain TCP. */
export const KEPT = {
  secure: {
    source: { credentials: SOURCE },
    destination: { credentials: DESTINATION, allowInitiators: ['host-a'] },
  },
  insecure: {
    source: { insecure: true, onWarning: () => {} },
    destination: { insecure: true, onWarning: () => {} },
  },
} satisfies Record<string, { source: Security; destination: Partial<ListenOptions> }>;

/** Fail a test that waits for too long, naming what it waits for. */
export async function within<T>(label: string, promise: Promise<T>, ms = 15_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: hangs`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A guest that changes after all of its pages were sent; `memory` is its final content. */
export function testGuest(
  seed = 7,
  noisePages = 0,
): GuestSource & { readonly memory: Uint8Array<ArrayBuffer> } {
  const random = seeded(seed);
  const noise = new Uint8Array(noisePages * PAGE).map(random);
  const before = new Uint8Array(Buffer.concat([guestImage(PAGE, seed), noise]));
  const memory = new Uint8Array(laterImage(before, PAGE, seed + 1));
  const pages = memory.length / PAGE;
  let now: Uint8Array = before;
  function* rounds() {
    now = memory;
    yield Array.from({ length: pages }, (_, page) => page);
  }
  const read = (page: number, into: Uint8Array) => into.set(now.subarray(page * PAGE, (page + 1) * PAGE));
  return {
    name: `guest-${seed}`,
    tenant: 'tenant-1',
    pages,
    memory,
    strategy: smallest,
    read,
    rounds: rounds(),
  };
}

/** A destination that stages guests, applies what is committed, and records the calls. */
export class Stage implements GuestDestination {
  readonly calls: string[] = [];
  /** The memory that was applied. */
  applied: Uint8Array | undefined;
  reason: PageferryError | undefined;
  readonly staged = new ReceivedMemory();

  readonly open = (guest: { name: string; pages: number; pageBytes: number }): GuestMemory => {
    this.calls.push('open');
    return this.staged.open(guest.name, guest.pages, guest.pageBytes);
  };

  readonly commit = (): void => {
    this.calls.push('commit');
    this.applied = this.staged.bytes;
  };

  readonly abort = (reason: PageferryError): void => {
    this.calls.push('abort');
    this.reason = reason;
  };
}

/** Address of a port of this host, over the transport that the options are for. */
export function localAddress(port: number, { insecure }: Security): string {
  return `${insecure ? 'tcp' : 'tls'}:127.0.0.1:${port}`;
}

/** A destination that listens until the test is over. */
export class Host {
  /** Errors of refused connections. */
  readonly refused: PageferryError[] = [];
  readonly channels: FrameChannel[] = [];
  private listener: ChannelListener | undefined;
  private onNext: ((channel: FrameChannel) => void) | undefined;
  private readonly wasRefused = new Signal();

  static async listening(options: Partial<ListenOptions>): Promise<Host> {
    const host = new Host();
    host.listener = await listenForChannels({
      address: `${options.insecure ? 'tcp' : 'tls'}:127.0.0.1:0`,
      onChannel: (channel) => {
        host.channels.push(channel);
        host.onNext?.(channel);
      },
      onRefused: (error) => {
        host.refused.push(error);
        host.wasRefused.notify();
      },
      ...options,
    });
    return host;
  }

  get port(): number {
    return this.listener!.port;
  }

  /** The next channel; earlier calls get none. */
  next(): Promise<FrameChannel> {
    return new Promise((resolve) => {
      this.onNext = resolve;
    });
  }

  /** The error of the first refused connection. */
  async firstRefusal(): Promise<PageferryError> {
    await within(
      'a refusal',
      this.wasRefused.until(() => this.refused.length > 0),
    );
    return this.refused[0]!;
  }

  async close(): Promise<void> {
    this.listener!.close();
    await Promise.all(this.channels.map((channel) => channel.close()));
  }
}

/** Outcome of a migration on both hosts. */
export interface Ended {
  readonly sent: SentGuest | PageferryError;
  readonly received: ReceivedGuest | undefined | PageferryError;
  readonly stage: Stage;
}

/** Send a guest to a host through `port`; resolves when both hosts are done and all sockets are closed. */
export async function migrate(
  host: Host,
  source: ChannelOptions,
  {
    port = host.port,
    guest = testGuest(),
    stage = new Stage(),
  }: { port?: number; guest?: GuestSource; stage?: Stage } = {},
): Promise<Ended> {
  const receiving = host.next().then(async (channel) => {
    const received = await receiveGuest(channel, stage).catch((error: PageferryError) => error);
    await channel.closed;
    return received;
  });
  const sending = (async () => {
    const channel = await connectChannel({ address: localAddress(port, source), ...source });
    try {
      return await sendGuest(channel, guest);
    } catch (error) {
      return error as PageferryError;
    } finally {
      await channel.close();
    }
  })();
  const [sent, received] = await within('a migration', Promise.all([sending, receiving]));
  return { sent, received, stage };
}
