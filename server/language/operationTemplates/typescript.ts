/** A new operation in TypeScript: a module for `arsenal/operations`, its test, and the types an editor needs. */
import fs from 'node:fs';
import path from 'node:path';
import { tsconfigText } from '../scaffoldEdits.ts';
import { camelCase, titleOf } from './names.ts';
import type { OperationScaffold, ScaffoldFile } from './scaffoldFile.ts';

/** The files in `folder`; `typesFolder` holds the declarations of `arsenal-otp/NAME` as `NAME.d.ts`. */
export function typescriptOperation(name: string, folder: string, typesFolder: string): OperationScaffold {
  const base = path.join('arsenal', 'operations', camelCase(name));
  const hasVitest = usesVitest(folder);
  const test = hasVitest ? `${base}.test.ts` : `${base}.test.mjs`;
  return {
    files: [
      { file: `${base}.ts`, text: moduleText(name), always: false },
      { file: test, text: hasVitest ? vitestText(name) : nodeTestText(name), always: false },
      ...supportFiles(typesFolder),
    ],
    notes: [
      `Save ${base}.ts: it is in the palette, in REST and on the command line at once (arsenal run ${name}).`,
      `Its test runs with ${hasVitest ? `npx vitest run ${test}` : `node --test ${test}`}, once arsenal-otp is installed (npm install --save-dev arsenal-otp).`,
      'An operation that changes something has plan and apply in place of execute: see docs/user-operations.md.',
    ],
  };
}

function usesVitest(folder: string): boolean {
  try {
    return fs.readFileSync(path.join(folder, 'package.json'), 'utf8').includes('"vitest"');
  } catch {
    // There is none, or it cannot be read: node:test is there in any case.
    return false;
  }
}

function moduleText(name: string): string {
  return `import { defineOperation, ok, Type } from 'arsenal-otp/operation';

/**
 * An operation of your own. When this file is saved it is in the palette (Arsenal: Run Operation…), on the command line, in REST and in
 * the language server, without a restart. It gets the port methods that \`needs\` names and no others.
 */
export const ${camelCase(name)} = defineOperation({
  name: '${name}',
  title: '${titleOf(name)}',
  description: 'Counts the processes of each node, and how many of them the simulated or real scheduler has waiting to run.',
  category: 'custom',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'system.stats'],
  params: Type.Object({
    atLeast: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: 'Leaves out nodes with fewer processes' }),
  }),
  result: Type.Object({
    nodes: Type.Array(Type.Object({ node: Type.String(), processes: Type.Integer(), runQueue: Type.Integer() })),
  }),
  examples: [{ title: 'Nodes with a hundred processes or more', params: { atLeast: 100 } }],
  async execute(context, params) {
    const listed = await context.port.cluster.nodes({}, context.options());
    if (!listed.ok) return listed;
    const nodes: { node: string; processes: number; runQueue: number }[] = [];
    for (const { node } of listed.value.nodes) {
      const stats = await context.port.system.stats({ node }, context.options());
      if (!stats.ok) return stats;
      const { processCount, runQueue } = stats.value;
      if (processCount >= params.atLeast) nodes.push({ node, processes: processCount, runQueue });
    }
    return ok({ nodes });
  },
});
`;
}

function nodeTestText(name: string): string {
  return `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertOperationFailure, loadOperations, withTestCluster } from 'arsenal-otp/testing';

const operations = loadOperations(new URL('./${camelCase(name)}.ts', import.meta.url));

test('${name} tells of every node', () =>
  withTestCluster({ nodes: 2, operations }, async (cluster) => {
    const { nodes } = await cluster.result('${name}');
    assert.deepEqual(nodes.map(({ node }) => node).sort(), [...cluster.nodes].sort());
    assert.ok(nodes.every(({ processes }) => processes > 0));
  }));

test('${name} leaves out nodes with fewer processes', () =>
  withTestCluster({ nodes: 2, operations }, async (cluster) => {
    assert.deepEqual(await cluster.result('${name}', { atLeast: 1_000_000 }), { nodes: [] });
    assertOperationFailure(await cluster.run('${name}', { atLeast: -1 }), { class: 'validation' });
  }));
`;
}

function vitestText(name: string): string {
  return `import { assertOperationFailure, withTestCluster } from 'arsenal-otp/testing';
import { expect, test } from 'vitest';
import { ${camelCase(name)} } from './${camelCase(name)}';

const operations = [${camelCase(name)}];

test('${name} tells of every node', () =>
  withTestCluster({ nodes: 2, operations }, async (cluster) => {
    const nodes = cluster.nodes.map((node) => expect.objectContaining({ node }));
    expect(await cluster.result('${name}')).toEqual({ nodes: expect.arrayContaining(nodes) });
  }));

test('${name} leaves out nodes with fewer processes', () =>
  withTestCluster({ nodes: 2, operations }, async (cluster) => {
    expect(await cluster.result('${name}', { atLeast: 1_000_000 })).toEqual({ nodes: [] });
    assertOperationFailure(await cluster.run('${name}', { atLeast: -1 }), { class: 'validation' });
  }));
`;
}

/** What lets an editor find the types of `arsenal-otp/…` in the folder. */
function supportFiles(typesFolder: string): readonly ScaffoldFile[] {
  const typed = ['operation', 'testing'];
  const paths = Object.fromEntries(typed.map((each) => [`arsenal-otp/${each}`, [`../.arsenal/types/${each}.d.ts`]]));
  return [
    ...typed.map((each) => ({
      file: path.join('.arsenal', 'types', `${each}.d.ts`),
      text: fs.readFileSync(path.join(typesFolder, `${each}.d.ts`), 'utf8'),
      always: true,
    })),
    // Made by us for this machine: no business of a repository.
    { file: path.join('.arsenal', '.gitignore'), text: '*\n', always: false },
    { file: path.join('arsenal', 'tsconfig.json'), text: tsconfigText(paths, ['**/*.ts']), always: false },
  ];
}
