// Web Streams with back-pressure: the encoder pauses while the receiver is busy. Runs unchanged in a browser,
// where the pipe may be a fetch body or a WebTransport stream.
import { bytesSink, decodeStream, encodeStream, wasmMemorySource } from 'pageferry';

// Any WebAssembly memory is an image. `still` promises that nothing runs in it while it is read.
const memory = new WebAssembly.Memory({ initial: 64 });
const words = new Uint32Array(memory.buffer);
for (let i = 0; i < words.length; i += 3) words[i] = Math.imul(i, 2654435761) >>> (i % 32);

let bytesSent = 0;
const count = new TransformStream({
  transform(piece, controller) {
    bytesSent += piece.length;
    controller.enqueue(piece);
  },
});

const sink = bytesSink();
let received;
await encodeStream({
  images: [wasmMemorySource(memory, 'counters', { paused: true })],
  linkBitsPerSecond: 1e8,
})
  .pipeThrough(count)
  .pipeTo(decodeStream(() => sink, { onSummary: (summary) => (received = summary) }));

const copy = sink.take();
const original = new Uint8Array(memory.buffer);
const same = copy.length === original.length && copy.every((byte, i) => byte === original[i]);
process.stdout.write(
  `${received.images[0].name}: ${copy.length} bytes, ${bytesSent} sent, ${same ? 'identical' : 'DIFFERENT'}\n`,
);
if (!same) process.exitCode = 1;
