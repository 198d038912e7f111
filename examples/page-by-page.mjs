// Pages as they come: for a hypervisor that walks its dirty bitmap, or anything else that has no whole image
// to read from.
import { bytesSink, createDecoder, createEncoder } from 'pageferry';

const PAGE_BYTES = 4096;
const PAGES = 512;

// Both ends in one process: what the encoder sends, the decoder takes at once.
const sinks = [];
const decoder = await createDecoder(() => sinks[sinks.push(bytesSink()) - 1]);
const encoder = await createEncoder((parts) => parts.forEach((part) => void decoder.push(part)), {
  pageBytes: PAGE_BYTES,
});

const guest = new Uint8Array(PAGES * PAGE_BYTES);
for (let round = 0; round < 3; round++) {
  guest.set(new TextEncoder().encode(`round ${round}, and a page like this one`), (7 + round) * PAGE_BYTES);
  // The total is optional; with it, a receiver can refuse what it has no room for.
  encoder.beginImage(`round ${round}`, { bytes: guest.length });
  for (let page = 0; page < PAGES; page += 64) {
    await encoder.write(guest.subarray(page * PAGE_BYTES, (page + 64) * PAGE_BYTES));
    // Not needed, and costs a few bytes: after a flush the receiver can have every page written so far.
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
