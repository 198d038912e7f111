// Finds words that this project does not use: metaphors and paraphrases for which the field has a name.
// Comments, strings, identifiers and file names are all checked.
//
//   node scripts/check-words.mjs [--counts]      --counts: one line per folder instead of one per place
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Words in any case and inside identifiers (`room`, `roomFor`, `openRoom`), and what to write instead. */
const WORDS = {
  'rooms?': 'buffer, slot, space',
  'ways?': 'strategy, configuration, path, method',
  'roads?': 'path, link',
  'judged?|judges': 'reference implementation, cross-check; compared, decided',
  'twins?': 'reference implementation',
  'witness(?:es|ed)?': 'guest checker',
  rivals: 'other programs, other compressors',
  'whoever|whom': 'name the part: receiver, caller, operator',
  'reckon(?:ed|s|ing)?': 'simulated, computed',
  'rehears(?:al|als|e|ed|es)': 'warm-up',
  told: 'is notified, receives, ACK',
  'hears?|heard': 'is notified, receives',
  'forgets?|forgotten': 'invalidate, drop, evict',
  'greet(?:s|ed|ing)?': 'handshake',
  'patience|patient': 'stall timer, timeout',
  outlook: 'bottleneck estimate',
  'ferr(?:y|ied|ying)': 'send, move',
  'beforehand|anew|thereof|wherein': 'before, again, its',
  'unproved|proved': 'verified; authenticated',
  'sealed|unsealed': 'encrypted; complete',
  nobody: 'name the part: no peer, no reader',
  'stands?|stood': 'is, is stored, is kept, replaces',
};

/** Phrases of comments, messages and documents. */
const PHRASES = {
  'sa(?:ys|y|id) so|saying so': 'reports',
  'so many|so much as|so often as': 'the count, N',
  'by itself|of itself|of its own accord': 'automatically, alone',
  'what is left': 'the remaining bytes or pages',
  'as (?:it|they) (?:is|are|was|were)\\b(?! (?:\\w+ed|in|at|on|for|not|the|from|stored|sent|written|read)\\b)':
    'uncompressed, unchanged',
  'as is': 'uncompressed, unchanged',
  'the other side|other side': 'peer, receiver, destination',
  'c(?:omes|ame) to(?! an end)': 'is, totals',
  'bec(?:ame|omes|ome) of': 'result of',
  'signs? of life': 'keepalive',
  'under way': 'in flight, running',
  'pass(?:es|ed) on(?! to)|passed on unread|passes (?:it|them) by': 'forwards; pass-through, bypass',
  'made guests?': 'synthetic guest',
  'guest stays|goes on here|stays here': 'the guest keeps running on the source',
  'finds (?:nothing|fills|same|similar)': "dedup: 'off', 'zero', 'exact', 'similar'",
  'now and then|once more|for good\\b': 'sometimes, again, permanently',
  'at work': 'busy, running',
  'all the same|for its own sake|to and fro': 'leave it out',
};

/** Names that were replaced; as they were written. */
const NAMES = {
  'MOST_\\w+|\\w+_MOST\\b': 'MAX_…',
  'LEAST_\\w+|\\w+_LEAST\\b': 'MIN_…',
  Outlet: 'SocketWriter',
  Intake: 'RecordParser',
  StreamWatch: 'BottleneckEstimator',
  WaitShare: 'BusyFraction',
  SentPages: 'RemotePageCache',
  VersionStore: 'ParentPageCache',
  EarlierImages: 'ReferenceImages',
  'HeldBase|HeldImage': 'BaseImage',
  LookOdds: 'SearchHitRate',
  PLACES: 'PAGE_NUMBERS',
  '\\bTAKEN\\b': 'ACK',
  '\\bHELLO\\b': 'handshake',
  '\\bALIVE\\b': 'KEEPALIVE',
};

/** Uses in another sense: a pattern for the word and the 12 characters around it, and the reason. */
const ALLOWED = [
  { text: /\b(?:\d+|one|two|both|n|multi)[- ]way\b/i, why: 'a term: two-way, 4-way set associative' },
  { text: /\b(?:BATCH_)?FORGET\b/, why: 'an opcode of FUSE' },
  { text: /Harbour Road|Ferry Lane/, why: 'street names in the rows of an example database' },
];

const SKIPPED = /^scripts\/check-words\.mjs$|^test\/fixtures\/|\.generated\.ts$|^CHANGELOG\.md$/;

const rules = [
  ...Object.entries(WORDS).map(([words, instead]) => ({ pattern: wordPattern(words), instead })),
  ...Object.entries(PHRASES).map(([words, instead]) => ({
    pattern: new RegExp(`\\b(?:${words})\\b`, 'gi'),
    instead,
  })),
  ...Object.entries(NAMES).map(([names, instead]) => ({ pattern: new RegExp(names, 'g'), instead })),
];

const found = trackedFiles().flatMap((file) => [...check(file, file), ...check(file)]);
if (process.argv.includes('--counts')) {
  // `--counts | head` closes the pipe before everything is written.
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
  printCounts(found);
} else {
  for (const { place, word, instead } of found)
    process.stderr.write(`${place}: "${word}": write ${instead}\n`);
  if (found.length > 0) process.stderr.write(`${found.length} words that this project does not use\n`);
}
if (found.length > 0) process.exitCode = 1;

function trackedFiles() {
  const patterns = ['*.ts', '*.mjs', '*.cjs', '*.md', '*.c', '*.h', '.ci/run'];
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...patterns], {
    encoding: 'utf8',
  });
  return list.split('\n').filter((name) => name !== '' && existsSync(name) && !SKIPPED.test(name));
}

/** The words found in a file, or in its name. */
function check(file, text = readFileSync(file, 'utf8')) {
  return text.split('\n').flatMap((line, i) => {
    const place = text === file ? file : `${file}:${i + 1}`;
    return rules.flatMap(({ pattern, instead }) =>
      [...line.matchAll(pattern)]
        .filter((match) => !isAllowed(line, match))
        .map(([word]) => ({ file, place, word, instead })),
    );
  });
}

function isAllowed(line, { 0: word, index }) {
  const around = line.slice(Math.max(0, index - 12), index + word.length + 12);
  return ALLOWED.some(({ text }) => text.test(around));
}

/** The word alone, or as a part of an identifier in camel case or with underscores. */
function wordPattern(words) {
  const capitalised = words.replace(/(^|\|)([a-z])/g, (_, bar, letter) => `${bar}${letter.toUpperCase()}`);
  return new RegExp(
    [
      `(?<![A-Za-z])(?:${words}|${capitalised})(?![a-z])`,
      `(?<=[a-z0-9])(?:${capitalised})(?![a-z])`,
      `(?<![A-Za-z])(?:${words.toUpperCase()})(?![A-Za-z])`,
    ].join('|'),
    'g',
  );
}

function printCounts(all) {
  const counts = new Map();
  for (const { file } of all) {
    const parts = file.split('/');
    const folder = parts.length > 2 ? parts.slice(0, 2).join('/') : parts.length > 1 ? parts[0] : file;
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  for (const [folder, count] of [...counts].sort(([, a], [, b]) => b - a))
    process.stdout.write(`${String(count).padStart(6)}  ${folder}\n`);
  process.stdout.write(`${String(all.length).padStart(6)}  in all\n`);
}
