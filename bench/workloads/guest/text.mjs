// Text of files and logs, from a vocabulary with few frequent and many rare words, and with repeated phrases.
// Its compression ratio is close to that of the source code and logs of real programs.

const SYLLABLES =
  'ba be bi ca co da de di el en er fa fi ga go ha in ka la le li lo ma me mi na no or pa pe ra re ri sa se si ta te ti to un va ve za'.split(
    ' ',
  );
const ENDINGS = ['', '', 's', 'ed', 'er', 'ing', 'ion', 'ly', '_id', '_at'];
const VOCABULARY_WORDS = 6000;
const PHRASES = 3000;

/** Return functions by kind of file, which each generate one line. */
export function textWriter(random) {
  const below = (limit) => random() % limit;
  const words = Array.from({ length: VOCABULARY_WORDS }, () => {
    let word = '';
    for (let n = 1 + below(4); n > 0; n--) word += SYLLABLES[below(SYLLABLES.length)];
    return word + ENDINGS[below(ENDINGS.length)];
  });
  // Word frequencies as skewed as in language: the cube of a uniform number.
  const word = () => words[Math.floor(VOCABULARY_WORDS * (random() / 2 ** 32) ** 3)];
  const title = () => {
    const text = word();
    return text[0].toUpperCase() + text.slice(1);
  };
  const hex = () => random().toString(16).padStart(8, '0');
  const phrases = Array.from({ length: PHRASES }, () => Array.from({ length: 2 + below(5) }, word).join(' '));
  const phrase = () => phrases[Math.floor(PHRASES * (random() / 2 ** 32) ** 2)];
  const sentence = (count) => Array.from({ length: count }, () => (below(2) ? phrase() : word())).join(' ');
  let second = 1_700_000_000 + below(30_000_000);
  let depth = 0;
  const expressions = Array.from(
    { length: 400 },
    () => `${word()}.${word()}(${word()}${below(2) ? `, ${word()}` : ''})`,
  );
  const expression = () => expressions[Math.floor(400 * (random() / 2 ** 32) ** 2)];
  const statements = [
    () => `const ${word()} = ${expression()};`,
    () =>
      `if (${expression()} ${below(2) ? '!==' : '<'} ${below(3) ? word() : below(4096)}) return ${word()};`,
    () => `${word()}.${word()} = ${expression()};`,
    () => `// ${sentence(2 + below(4))}.`,
    () => `export function ${word()}(${word()}, ${word()}) {`,
    () => `for (let i = 0; i < ${word()}.length; i++) ${word()}[i] = ${word()}[i + ${below(8)}];`,
  ];
  return {
    log() {
      second += below(3);
      const level = ['INFO ', 'INFO ', 'INFO ', 'DEBUG', 'WARN '][below(5)];
      const at = new Date(second * 1000 + below(1000)).toISOString();
      return `${at} ${level} [${words[below(40)]}] ${sentence(1 + below(3))} ${word()}=${below(100_000)} request=${hex()}\n`;
    },
    json: () =>
      `{"id":${below(1_000_000)},"name":"${title()} ${title()}","${words[below(12)]}":${below(2) === 0},"total":${(below(500_000) / 100).toFixed(2)},"tags":["${word()}","${word()}"]},\n`,
    source() {
      depth = Math.max(0, Math.min(5, depth + below(3) - 1));
      return `${'  '.repeat(depth)}${statements[below(statements.length)]()}\n`;
    },
    prose: () => `${title()} ${sentence(3 + below(4))}, ${sentence(1 + below(3))}.\n`,
  };
}
