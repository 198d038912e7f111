// Two hosts of a test: a destination that listens, a source that connects, and what became of the guest at either.

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
import { smallest } from '../../src/strategy/smallest.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { ReceivedMemory } from '../support/live.js';
import { Authority } from './certificates.js';

const PAGE = 4096;
export const authority = new Authority('our authority');
export const SOURCE = authority.issue({ cn: 'host-a', dns: ['a.example'] });
export const DESTINATION = authority.issue({ cn: 'host-b', dns: ['b.example'] });

/** The two ways that a channel can be kept. */
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

/** A test that hangs fails here, with what it waited for. */
export async function within<T>(what: string, promise: Promise<T>, ms = 15_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: hangs`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A guest that changes once all of its pages were sent; `memory` is what it is in the end. */
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

/** A destination that stages guests, applies what is committed, and notes what was called. */
export class Stage implements GuestDestination {
  readonly calls: string[] = [];
  /** What was applied; nothing of it may ever be half. */
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

/** A destination that listens until the test is over. */
export class Host {
  /** Those who were turned away. */
  readonly refused: PageferryError[] = [];
  readonly channels: FrameChannel[] = [];
  private listener: ChannelListener | undefined;
  private taken: ((channel: FrameChannel) => void) | undefined;
  private readonly told: (() => void)[] = [];

  static async listening(options: Partial<ListenOptions>): Promise<Host> {
    const host = new Host();
    host.listener = await listenForChannels({
      host: '127.0.0.1',
      port: 0,
      onChannel: (channel) => {
        host.channels.push(channel);
        host.taken?.(channel);
      },
      onRefused: (error) => {
        host.refused.push(error);

        for (const tell of host.told.splice(0)) tell();
      },
      ...options,
    });
    return host;
  }

  get port(): number {
    return this.listener!.port;
  }

  /** The next channel; who asked before gets none. */
  next(): Promise<FrameChannel> {
    return new Promise((resolve) => {
      this.taken = resolve;
    });
  }

  /** Why the first of those who were turned away was. */
  async firstRefusal(): Promise<PageferryError> {
    if (this.refused.length === 0)
      await within('a refusal', new Promise<void>((resolve) => this.told.push(resolve)));
    return this.refused[0]!;
  }

  async close(): Promise<void> {
    this.listener!.close();
    await Promise.all(this.channels.map((channel) => channel.close()));
  }
}

/** How a migration ended at both hosts. */
export interface Ended {
  readonly sent: SentGuest | PageferryError;
  readonly received: ReceivedGuest | undefined | PageferryError;
  readonly stage: Stage;
}

/** Sends a guest to a host, by way of `port`, and waits until both sides are done and nothing of their sockets is left. */
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
    const channel = await connectChannel({ host: '127.0.0.1', port, ...source });
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
