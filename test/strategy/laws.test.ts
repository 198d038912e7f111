import { expect, test } from 'vitest';
import { ChannelSender } from '../../src/agent/flow/channel-sender.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
import { zstdSet } from '../../src/codec/zstd/load.js';
import { createEncoder } from '../../src/engine/encode/create-encoder.js';
import { bytesSource } from '../../src/image/memory.js';
import { simulate } from '../../src/simulate/simulate.js';
import { lawOf } from '../../src/strategy/adaptive/adaptive.js';
import type { LawName } from '../../src/strategy/adaptive/law.js';
import type { Strategy, StreamState } from '../../src/strategy/strategy.js';
import { synthetic } from '../simulate/guests.js';

/** A strategy that notes the law of every state it is given. */
function observer(): {
  readonly laws: Set<LawName>;
  readonly busy: (number | undefined)[];
  readonly strategy: Strategy;
} {
  const laws = new Set<LawName>();
  const busy: (number | undefined)[] = [];
  const note = (state: StreamState) => {
    laws.add(lawOf(state));
    busy.push(state.linkBusyFraction);
  };
  return {
    laws,
    busy,
    strategy: {
      name: 'observer',
      choose(_, state) {
        note(state);
        return 'group';
      },
      pack(_, state) {
        note(state);
        return { name: 'raw' };
      },
    },
  };
}

async function lawsOfEncoder(linkBitsPerSecond: number | 'measured'): Promise<LawName[]> {
  const { laws, strategy } = observer();
  const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond });
  await encoder.encode(
    bytesSource(
      new Uint8Array(1 << 20).map((_, i) => i * 31),
      'image',
    ),
  );
  await encoder.finish();
  return [...laws];
}

test('an encoder with a given link rate runs the law of whole images', async () => {
  expect(await lawsOfEncoder(1e9)).toEqual(['images']);
});

test('an encoder that measures its link runs the law of a measured link', async () => {
  expect(await lawsOfEncoder('measured')).toEqual(['measured-link']);
});

test('the agent and the simulator run the same law, the one of live guests', async () => {
  const channel = { closed: new Promise(() => {}) } as unknown as FrameChannel;
  const agent = new ChannelSender(channel, new AbortController().signal, 2, zstdSet()).progress.state;
  const { laws, busy, strategy } = observer();
  const guest = synthetic('guest', { mix: { text: 1 }, writesPerSecond: 500 });
  await simulate({ guest, technique: 'pre-copy', link: { bitsPerSecond: 2e8, rttMs: 1 }, strategy });
  expect(lawOf(agent)).toBe('live');
  expect([...laws]).toEqual(['live']);
  // The link is the bottleneck, so the busy fraction rises.
  expect(busy[0]).toBe(0);
  expect(Math.max(...busy.map((fraction) => fraction!))).toBeGreaterThan(0.5);
});
