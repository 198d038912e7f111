// Pre-copy migration of a running WebAssembly program's memory between two processes, over mutual TLS. This
// process is the source; it starts the destination, which runs the same file.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { connectChannel, listenForChannels, receiveGuest, sendGuest } from 'pageferry/agent';
import { createCredentials } from './support/certificates.mjs';
import { ProgramMemory } from './support/program-memory.mjs';
import { startProgram } from './support/wasm-counter.mjs';

const ROUNDS = 4;
const memory = new ProgramMemory();
await (process.argv[2] === 'destination' ? destination() : source());

async function source() {
  const { 'host-a': credentials, 'host-b': peerCredentials } = createCredentials(['host-a', 'host-b']);
  const child = fork(import.meta.filename, ['destination']);
  child.send(peerCredentials);
  const [port] = await once(child, 'message');

  const program = await startProgram(memory.memory);
  const running = setInterval(() => program.step());
  async function* rounds() {
    for (let round = 1; round <= ROUNDS; round++) {
      await setTimeout(50);
      if (round === ROUNDS) clearInterval(running); // The program is stopped: the next round is the last.
      const dirty = memory.dirtyPages();
      console.log(`round ${round}: ${dirty.length} of ${memory.pages} pages are dirty`);
      yield dirty;
    }
  }
  const channel = await connectChannel({ address: `tls:127.0.0.1:${port}`, credentials });
  const read = (page, into) => memory.read(page, into);
  const guest = { name: 'counter', tenant: 'example', pages: memory.pages, read, rounds: rounds() };
  const { bytes } = await sendGuest(channel, guest);
  await channel.close();
  console.log(`source: ${bytes} bytes sent for ${memory.bytes.length}, stopped at step ${program.steps()}`);

  child.send({ steps: program.steps(), memory: memory.bytes.toString('base64') });
  const [isIdentical] = await once(child, 'message');
  if (!isIdentical) throw new Error('the program does not continue with identical memory');
}

async function destination() {
  const [credentials] = await once(process, 'message');
  const onChannel = async (channel) => {
    // Resolves once all pages are verified and the source has given the program up.
    await receiveGuest(channel, { open: () => memory, commit() {}, abort: console.error });
    const [expected] = await once(process, 'message');
    const isIdentical = memory.bytes.equals(Buffer.from(expected.memory, 'base64'));
    const program = await startProgram(memory.memory);
    program.step();
    console.log(`destination: memory identical: ${isIdentical}; continues with step ${program.steps()}`);
    process.send(isIdentical && program.steps() === expected.steps + 1, () => process.exit());
  };
  const address = 'tls:127.0.0.1:0';
  const listener = await listenForChannels({ address, credentials, allowInitiators: ['host-a'], onChannel });
  process.send(listener.port);
}
