// What a destination reports to the source of a guest over the channel.
import { afterEach, expect, test } from 'vitest';
import { readReport, reportBytes } from '../../src/agent/flow/destination-report.js';
import type { DestinationSpeed } from '../../src/strategy/destination.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import { Host, KEPT, migrate, within } from '../channel/hosts.js';

let host: Host | undefined;
afterEach(() => host?.close());

test('a report is read as it was written, to a thousandth of a nanosecond', () => {
  const speed: DestinationSpeed = { nsPerPageByte: 0.5, unpackNsPerByte: { lz4: 0.25, zstd: 1.75 } };
  expect(readReport(reportBytes(speed))).toEqual({ speed, maxMainBytes: 64 << 20, buildsPackets: true });
  // Of a later version, which reports more.
  expect(readReport(Buffer.concat([reportBytes(speed), new Uint8Array(8)]))).toEqual(
    readReport(reportBytes(speed)),
  );
  // Of an earlier one, which reports less.
  expect(readReport(reportBytes(speed).subarray(0, 16))).toEqual({
    speed,
    maxMainBytes: 0,
    buildsPackets: false,
  });
  expect(readReport(reportBytes(speed).subarray(0, 20))).toEqual({
    ...{ speed, maxMainBytes: 64 << 20, buildsPackets: false },
  });
  expect(readReport(reportBytes({ nsPerPageByte: 1e12, unpackNsPerByte: {} })).speed!.nsPerPageByte).toBe(
    0xfffffffe / 1024,
  );
});

test.each([
  ['an empty keepalive', new Uint8Array()],
  ['fewer bytes than a report has', new Uint8Array(15)],
  ['nothing known', new Uint8Array(16).fill(255)],
])('%s reports no speed', (_, body) => {
  expect(readReport(body)).toEqual({ speed: undefined, maxMainBytes: 0, buildsPackets: false });
});

test('a strategy at the source sees what the destination reports', async () => {
  host = await Host.listening(KEPT.insecure.destination);
  const PAGES = 256;
  let seen: DestinationSpeed | undefined;
  let round = 0;
  // Rounds end once the strategy has seen a report: the test hangs where it never does.
  function* rounds() {
    for (; !seen; round++) yield Array.from({ length: PAGES }, (_, page) => page);
  }
  const strategy: Strategy = {
    name: 'looks',
    choose: (_, state) => {
      seen ??= state.destination;
      return 'group';
    },
    pack: () => ({ name: 'lz4' }),
  };
  const guest = {
    ...{ name: 'guest', tenant: 'tenant', pages: PAGES, strategy, rounds: rounds() },
    read: (page: number, into: Uint8Array) => void into.fill(page).fill(round, 0, 2),
  };
  const { sent } = await within('the guest', migrate(host, KEPT.insecure.source, { guest }));
  expect(sent).toHaveProperty('digest');
  expect(seen!.nsPerPageByte).toBeGreaterThan(0);
});
