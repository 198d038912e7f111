// What the shell starts: loads the one file that has the command and all that it needs. Every such file has
// main.ts, because two copies in one process would each have their own error classes and cleanups; so nothing
// may be imported here.

/** Path of a command or subcommand to its file, and of '' to the file without commands. */
declare const PROGRAM_FILES: Readonly<Record<string, string>>;

const [name = '', subcommand] = process.argv.slice(2);
const path = [`${name} ${subcommand}`, name, ''].find((one) => Object.hasOwn(PROGRAM_FILES, one))!;
const program = (await import(PROGRAM_FILES[path]!)) as typeof import('./main.js');
program.start();
