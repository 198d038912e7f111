// Wraps methods of one encoder's parts, so that they report to a StageClock. The package contains no code for
// it: the parts are private in TypeScript only.

/** Stages and their descriptions, in the order in which a page passes them. */
export const STAGES = {
  read: 'read pages and their previous versions',
  scan: 'scan: zero and filled pages',
  fingerprint: 'digests of pages and image',
  find: 'zero, unchanged, duplicate pages: index, comparison',
  profile: 'profile',
  choose: 'strategy: codec of a page, packing of a segment',
  tried: 'rejected codecs',
  similar: 'similar pages: sketches, trial deltas',
  codec: "chosen codecs' kernels",
  frame: 'frames: tables, copies, checksums',
  sink: 'sink',
};

/** Kernels that code one page, by the codec's name. */
const PAGE_KERNELS = {
  rleEncode: 'rle',
  zeroAwareEncode: 'zero-aware',
  xbzrleEncode: 'xbzrle',
  wkdmEncode: 'wkdm',
  lz4Encode: 'lz4',
};

/** Wrap the parts of a new encoder. */
export function stageEncoder(encoder, clock) {
  const { image: context, frame: frameContext, threads, frames } = encoder.parts;
  const { strategy, candidate, index, codec } = context;
  // A strategy may be a shared constant: replace it in this encoder only.
  const staged = Object.assign(Object.create(strategy), { choose: strategy.choose });
  for (const method of ['pack', 'onPacked'])
    if (strategy[method]) staged[method] = clock.wrap('choose', strategy[method].bind(strategy));
  const trials = stageKernels(codec.kernels, clock, frameContext.packer, threads.local);
  stageChoose(staged, strategy, trials, clock);
  for (const one of [context, frameContext]) one.strategy = staged;
  clock.patch(threads.local.ingest, 'read', 'read');
  clock.patch(frameContext, 'estimate', 'profile');
  clock.patch(candidate, 'search', 'similar');
  if (index) clock.patch(index, 'insertSketch', 'similar');
  for (const frame of frames) clock.patch(frame, 'pack', 'frame');
  clock.patch(frameContext.packer, 'pack', 'frame');
  clock.patch(frameContext.packer, 'checkOfBytes', 'frame');
  const begin = encoder.begin;
  encoder.begin = function (...args) {
    const started = begin.apply(this, args);
    clock.patch(started.encoder, 'encode', 'find');
    clock.patch(started.encoder, 'encodePartial', 'find');
    clock.patch(started.encoder.coder, 'placeChosen', 'frame');
    return started;
  };
}

/** Wrap kernels and zstd. Time of a trial is moved to the codec stage if the codec is chosen. */
function stageKernels(kernels, clock, packer, runner) {
  const trials = { choosing: false, ms: new Map() };
  const run = { ...kernels.run };
  clock.patch(run, 'scanPages', 'scan');
  clock.patch(run, 'hash128Pages', 'fingerprint');
  clock.patch(run, 'hash128', 'fingerprint');
  clock.patch(run, 'profilePage', 'profile');
  for (const [name, codec] of Object.entries(PAGE_KERNELS)) {
    const kernel = run[name];
    run[name] = (a, b, c, d, e) => {
      const searching = clock.stage === 'similar';
      clock.enter(searching ? 'similar' : trials.choosing ? 'tried' : 'codec');
      const bytes = kernel(a, b, c, d, e);
      const ms = clock.exit();
      // The last delta against a similar page that fits is the smallest.
      if (trials.choosing && bytes > 0) trials.ms.set(searching ? 'similar' : codec, ms);
      return bytes;
    };
  }
  kernels.run = run;
  const { zstd } = packer;
  // Packing a table counts as time of the frame; jobs pack segments with the same kernels.
  let packsTable = false;
  const { pack } = packer;
  packer.pack = function (segment, packing, at) {
    packsTable = at === undefined;
    try {
      return pack.call(this, segment, packing, at);
    } finally {
      packsTable = false;
    }
  };
  const { zstdEncode } = kernels.zstd;
  const encode = clock.wrap('codec', zstdEncode);
  kernels.zstd = {
    ...kernels.zstd,
    zstdEncode: (...args) => (packsTable ? zstdEncode(...args) : encode(...args)),
  };
  if (zstd.other) {
    const compress = clock.wrap('codec', zstd.other.compress.bind(zstd.other));
    for (const one of [packer, runner]) one.zstd = { ...zstd, other: { ...zstd.other, compress } };
  }
  return trials;
}

function stageChoose(staged, strategy, trials, clock) {
  const choose = clock.wrap('choose', strategy.choose.bind(strategy));
  staged.choose = (page, state) => {
    trials.choosing = true;
    trials.ms.clear();
    const choice = choose(page, state);
    trials.choosing = false;
    const ms = trials.ms.get(choice);
    // The trial of lz4 is not reused: its segment is packed as a whole.
    if (ms !== undefined && choice !== 'lz4')
      clock.move(ms, choice === 'similar' ? 'similar' : 'tried', 'codec');
    return choice;
  };
}
