import { VERSION } from '../version.js';
import { type Command, type CommandGroup, isGroup } from './command.js';
import type { Option, OptionTable } from './option-table.js';

const COLUMNS = 80;
/** Options whose flags are wider have their description on a line of its own. */
const MAX_FLAG_COLUMNS = 26;

/** Help of the whole program: one screen of 24 lines. */
export function programHelp(commands: readonly (Command | CommandGroup)[]): string {
  const rows = commands.flatMap((command) =>
    isGroup(command) && !command.isOneRow
      ? command.subcommands.map(({ name, summary }) => [`${command.name} ${name}`, summary] as const)
      : [[command.name, command.summary] as const],
  );
  return `pageferry ${VERSION}: compress and deduplicate memory pages

usage: pageferry COMMAND [OPTION]...

${columns(rows)}

pageferry COMMAND --help describes the options of a command.
Exit status: 0 success, 1 failure, 2 wrong usage.
`;
}

/** Help of a command with subcommands. */
export function groupHelp(group: CommandGroup): string {
  const rows = group.subcommands.map(({ name, summary }) => [`${group.name} ${name}`, summary] as const);
  return `${sentence(group.summary)}

${columns(rows)}

pageferry ${group.name} SUBCOMMAND --help describes the options of a subcommand.
`;
}

/** Help of one command. @param path its name, with the name of its group before it */
export function commandHelp(path: string, command: Command): string {
  const { operands, options, summary, details = [] } = command;
  const required = Object.entries(options)
    .filter(([, option]) => option.required)
    .map(([name, option]) => ` ${option.short ? `-${option.short}` : `--${name}`} ${option.value}`);
  const usage = `usage: pageferry ${path} [OPTION]...${operands ? ` ${operandsText(operands)}` : ''}${required.join('')}`;
  const parts = [
    sentence(summary),
    wrapped(usage, 0),
    optionRows(options),
    ...details.map((text) => wrapped(text, 0)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function operandsText({ label, min }: { readonly label: string; readonly min: number }): string {
  return min === 0 ? `[${label}]` : label;
}

function optionRows(options: OptionTable): string {
  const rows = Object.entries(options).map(
    ([name, option]) => [flags(name, option), described(option)] as const,
  );
  return columns([...rows, ['-h, --help', 'this text']]);
}

function flags(name: string, { short, value }: Option): string {
  const flag = short === undefined ? `    --${name}` : `-${short}, --${name}`;
  return value === undefined ? flag : `${flag} ${value}`;
}

function described({ help, repeatable, default: value, defaultText, required }: Option): string {
  const given = value === undefined ? defaultText : typeof value === 'string' ? value : value.join(', ');
  const notes = [
    ...(required ? ['required'] : []),
    ...(repeatable ? ['repeatable'] : []),
    ...(given === undefined ? [] : [`default: ${given}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`;
}

/** Two columns, the second one wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const widths = rows.map(([left]) => left.length).filter((width) => width <= MAX_FLAG_COLUMNS);
  const indent = Math.max(...widths) + 4;
  return rows
    .map(([left, right]) => {
      const text = wrapped(right, indent);
      const first = `  ${left}`;
      return first.length + 2 > indent ? `${first}\n${text}` : `${first.padEnd(indent)}${text.slice(indent)}`;
    })
    .join('\n');
}

/** Lines of at most 80 columns, all indented. */
function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => ' '.repeat(indent) + one).join('\n');
}

function sentence(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
}
