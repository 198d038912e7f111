// Encode pages as they are written, without a source for the whole image: for a hypervisor that reads its
// dirty bitmap.
import { bytesSink, createDecoder, createEncoder } from 'pageferry';

const PAGE_BYTES = 4096;
const PAGES = 512;

// Both ends are in one process: the encoder's output goes straight to the decoder.
const sinks = [];
const decoder = await createDecoder(() => sinks[sinks.push(bytesSink()) - 1]);
const send = async (parts) => {
  for (const part of parts) await decoder.push(part);
};
const encoder = await createEncoder(send, { pageBytes: PAGE_BYTES });

const guest = new Uint8Array(PAGES * PAGE_BYTES);
for (let round = 0; round < 3; round++) {
  guest.set(new TextEncoder().encode(`page content of round ${round}`), (7 + round) * PAGE_BYTES);
  // The size is optional; with it, a receiver can refuse an image that is too large for it.
  encoder.beginImage(`round ${round}`, { bytes: guest.length });
  for (let page = 0; page < PAGES; page += 64) {
    await encoder.write(guest.subarray(page * PAGE_BYTES, (page + 64) * PAGE_BYTES));
    // Optional, costs a few bytes: after a flush the receiver can decode every page written so far.
    if (page === 256) await encoder.flush();
  }
  await encoder.endImage();
}
const { bytesIn, bytesOut } = await encoder.finish();
const { images } = await decoder.finish();

const last = sinks.at(-1).take();
const same = Buffer.compare(last, guest) === 0;
process.stdout.write(
  `${images.length} images, ${bytesIn} bytes in, ${bytesOut} out, last one ${same ? 'identical' : 'DIFFERENT'}\n`,
);
if (!same) process.exitCode = 1;
