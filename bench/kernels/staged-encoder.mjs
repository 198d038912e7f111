// An encoder as shipped whose parts tell a StageClock when they are at work. Nothing in the package knows of
// it: methods of this one encoder's objects are wrapped, which TypeScript calls private and JavaScript does
// not.

/** What a stage stands for, in the order of a page's way. */
export const STAGES = {
  read: 'read pages, and those of the version before',
  scan: 'survey: zero and filled pages',
  fingerprint: 'fingerprint: page digests, image digest',
  find: 'zero, unchanged, duplicate pages: index, bytes compared',
  profile: 'profile',
  choose: 'choose: strategy, page and packing',
  tried: 'codecs that were tried and not taken',
  similar: 'similar pages: sketches, trial deltas',
  codec: "chosen codecs' own kernels",
  frame: 'frames: tables, copies, checks',
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

/** Wraps the parts of an encoder that was just made. */
export function stageEncoder(encoder, clock) {
  const { context, frameContext, reader, parts } = encoder;
  const { strategy, candidate, index, codec } = context;
  // Strategies may be shared constants: this encoder gets its own.
  const staged = Object.assign(Object.create(strategy), { choose: strategy.choose });
  for (const method of ['pack', 'packed'])
    if (strategy[method]) staged[method] = clock.wrap('choose', strategy[method].bind(strategy));
  const trials = stageKernels(codec.kernels, clock, frameContext.packer);
  stageChoose(staged, strategy, trials, clock);
  for (const one of [context, frameContext]) one.strategy = staged;
  clock.patch(reader, 'versions', 'read');
  clock.patch(frameContext, 'estimate', 'profile');
  clock.patch(candidate, 'search', 'similar');
  if (index) clock.patch(index, 'insertSketch', 'similar');
  for (const frame of parts.frames) clock.patch(frame, 'pack', 'frame');
  clock.patch(frameContext.packer, 'pack', 'frame');
  clock.patch(frameContext.packer, 'checkOfBytes', 'frame');
  const begin = encoder.begin;
  encoder.begin = function (...args) {
    const begun = begin.apply(this, args);
    clock.patch(begun.encoder, 'survey', 'fingerprint');
    clock.patch(begun.encoder, 'encode', 'find');
    clock.patch(begun.encoder, 'encodePartial', 'find');
    clock.patch(begun.encoder, 'choose', 'frame');
    return begun;
  };
}

/** Kernels and zstd: a chosen codec's own time, or a trial's until it is known what was chosen. */
function stageKernels(kernels, clock, packer) {
  const trials = { choosing: false, ms: new Map() };
  const run = { ...kernels.run };
  clock.patch(run, 'scanPages', 'scan');
  clock.patch(run, 'profilePage', 'profile');
  for (const [name, codec] of Object.entries(PAGE_KERNELS)) {
    const kernel = run[name];
    run[name] = (a, b, c, d, e) => {
      const searching = clock.stage === 'similar';
      clock.enter(searching ? 'similar' : trials.choosing ? 'tried' : 'codec');
      const bytes = kernel(a, b, c, d, e);
      const ms = clock.exit();
      // Of the deltas against similar pages the last that fits is the smallest.
      if (trials.choosing && bytes > 0) trials.ms.set(searching ? 'similar' : codec, ms);
      return bytes;
    };
  }
  kernels.run = run;
  const { zstd } = packer;
  // A table's own few bytes count as the frame's.
  let packsTable = false;
  const { pack } = packer;
  packer.pack = function (segment, packing, at) {
    packsTable = at === undefined;
    return pack.call(this, segment, packing, at);
  };
  if (zstd) {
    const compress = clock.wrap('codec', zstd.compress.bind(zstd));
    packer.zstd = {
      name: zstd.name,
      compress: (bytes, level) => (packsTable ? zstd.compress(bytes, level) : compress(bytes, level)),
    };
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
    // lz4 packs its segment, whatever it made of the page.
    if (ms !== undefined && choice !== 'lz4')
      clock.move(ms, choice === 'similar' ? 'similar' : 'tried', 'codec');
    return choice;
  };
}
