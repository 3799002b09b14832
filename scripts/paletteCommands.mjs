// Keeps what package.json contributes for operations as the catalogue has them: a palette command with a title each, and the list of
// them in client/commands/operationCommands.ts. Icons and menus are set by hand and stay.
//
//   node scripts/paletteCommands.mjs [--check]
import fs from 'node:fs';
import process from 'node:process';
import { catalogue } from './lib/catalogue.mjs';
import { inProject } from './lib/paths.mjs';

const manifestFile = inProject('package.json');
const textsFile = inProject('package.nls.json');
const listFile = inProject('client', 'commands', 'operationCommands.ts');

const entries = await catalogue();
const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
const texts = JSON.parse(fs.readFileSync(textsFile, 'utf8'));
const list = fs.readFileSync(listFile, 'utf8').replaceAll('\r\n', '\n');

/** The operations that had a command until now. */
const before = [...list.matchAll(/^ {2}'(\w+)',$/gm)].map(([, name = '']) => name);
const now = entries.map(({ name }) => name);
const gone = new Set(before.filter((name) => !now.includes(name)).map(commandOf));
const commands = manifest.contributes.commands;
const own = commands.filter(
  (/** @type {{ command: string }} */ { command }) => !before.map(commandOf).includes(command),
);
const known = new Map(commands.map((/** @type {{ command: string }} */ each) => [each.command, each]));
manifest.contributes.commands = [
  ...own,
  ...now.map(
    (name) =>
      known.get(commandOf(name)) ?? { command: commandOf(name), title: `%${textOf(name)}%`, category: 'Arsenal' },
  ),
];
/** @type {Record<string, string>} */
const newTexts = {};
for (const [key, value] of Object.entries(texts)) {
  if (gone.has(key.replace(/^command\./, 'arsenal.'))) continue;
  newTexts[key] = value;
  // New ones stand behind the last command there is.
  if (key !== lastCommandText()) continue;
  for (const { name, title } of entries) if (texts[textOf(name)] === undefined) newTexts[textOf(name)] = title;
}

let drift = false;
settle(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
settle(textsFile, `${JSON.stringify(newTexts, null, 2)}\n`);
settle(
  listFile,
  list.replace(
    /(operationsWithCommands = \[\n)[^\]]*(\] as const)/,
    `$1${now.map((name) => `  '${name}',\n`).join('')}$2`,
  ),
);
process.exitCode = drift ? 1 : 0;

/** @param {string} name */
function commandOf(name) {
  return `arsenal.${camel(name)}`;
}

/** @param {string} name */
function textOf(name) {
  return `command.${camel(name)}`;
}

/** @param {string} name */
function camel(name) {
  return name.replace(/_([a-z0-9])/g, (_, /** @type {string} */ letter) => letter.toUpperCase());
}

function lastCommandText() {
  return Object.keys(texts).findLast((key) => /^command\.[A-Za-z0-9]+$/.test(key));
}

/**
 * @param {string} file
 * @param {string} wanted
 */
function settle(file, wanted) {
  if (fs.readFileSync(file, 'utf8').replaceAll('\r\n', '\n') === wanted) return;
  if (process.argv.includes('--check')) {
    console.error(`${file} does not have the commands of the catalogue. Run: npm run docs`);
    drift = true;
    return;
  }
  fs.writeFileSync(file, wanted);
}
