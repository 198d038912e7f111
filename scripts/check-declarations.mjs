// Compiles the declarations in dist/ as a project without `skipLibCheck` does. They may need only Node's
// types: a project may have no optional packages (lmdb).
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

const FOLDER = 'dist';
const ALLOWED = /^(dist|node_modules\/(typescript\/lib|@types\/node|undici-types|buffer))\//;

const files = readdirSync(FOLDER).filter((name) => /\.d\.c?ts$/.test(name));
const program = ts.createProgram(
  files.map((name) => join(FOLDER, name)),
  {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    noEmit: true,
  },
);
const problems = [];
for (const source of program.getSourceFiles()) {
  const path = relative('.', source.fileName);
  if (!ALLOWED.test(path)) problems.push(`${path}: is needed by the declarations in ${FOLDER}`);
  else if (path.startsWith(`${FOLDER}/`))
    for (const { start, messageText } of program.getSemanticDiagnostics(source)) {
      const line = source.getLineAndCharacterOfPosition(start ?? 0).line + 1;
      problems.push(`${path}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    }
}
if (files.length === 0) problems.push(`${FOLDER}: has no declarations`);
for (const problem of problems.slice(0, 20)) process.stderr.write(`check-declarations: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
