// The licences of what the bundles contain, as a file to ship beside them. What is in a bundle says esbuild's metafile, so
// nothing is named that is not there, and nothing forgotten.
import fs from 'node:fs';
import path from 'node:path';
import { inProject } from './lib/paths.mjs';

/**
 * @param {readonly import('esbuild').Metafile[]} metafiles
 * @returns {string} the text of the file
 * @throws {Error} when a bundled package has no licence: then it must not be shipped
 */
export function noticesFor(metafiles) {
  const folders = new Set(
    metafiles.flatMap(({ inputs }) => Object.keys(inputs)).flatMap((input) => packageFolder(input) ?? []),
  );
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(fs.readFileSync(inProject(folder, 'package.json'), 'utf8'));
    const file = fs.readdirSync(inProject(folder)).find((each) => /^(licen[cs]e|copying)/i.test(each));
    if (license === undefined && file === undefined) throw new Error(`${name} ${version} names no licence`);
    const text = file === undefined ? '' : fs.readFileSync(inProject(folder, file), 'utf8').trim();
    return [`${name} ${version} (${license ?? 'see below'})`, text].filter((part) => part !== '').join('\n\n');
  });
  const line = `\n\n${'-'.repeat(80)}\n\n`;
  return `Arsenal contains these packages, each under its own licence.${line}${notices.join(line)}\n`;
}

/**
 * @param {string} input  a source file as esbuild names it
 * @returns {string | undefined} the folder of the package it belongs to, if it is one
 */
function packageFolder(input) {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.split(path.sep).join('/'));
  return found?.[1];
}
