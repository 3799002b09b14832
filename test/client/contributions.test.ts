import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../server/core/registry.ts';
import { builtinOperations } from '../../server/operations/catalogue.ts';
import { ScanStore } from '../../server/services/scans.ts';
import { TaskStore } from '../../server/services/tasks/tasks.ts';
import { policyPartSchemas } from '../../server/services/policy.ts';
import { defaultRateLimits } from '../../server/services/rateLimit.ts';
import { policySetting } from '../../server/protocol/operation.ts';
import { noBatches, noState, noUndoables } from '../../server/operations/testKit.ts';
import { isRecord, recordsIn } from '../../client/decode.ts';
import { commandIds } from '../../client/commands/commandIds.ts';
import { operationCommand, operationsWithCommands } from '../../client/commands/operationCommands.ts';

const manifest: unknown = JSON.parse(fs.readFileSync('package.json', 'utf8'));
const texts: unknown = JSON.parse(fs.readFileSync('package.nls.json', 'utf8'));
const contributes = isRecord(manifest) && isRecord(manifest['contributes']) ? manifest['contributes'] : {};

function list(value: unknown): readonly { readonly [key: string]: unknown }[] {
  return Array.isArray(value) ? recordsIn(value) : [];
}

const contributed = list(contributes['commands']).map((each) => String(each['command']));

describe('package.json', () => {
  // @row R7.1
  it('contributes a command for every builtin operation, and for nothing else but our own', () => {
    const registry = new Registry();
    const catalogue = { list: () => [], search: () => [], describe: () => null };
    for (const operation of builtinOperations({
      catalogue,
      scans: new ScanStore(),
      tasks: new TaskStore(),
      batches: noBatches,
      state: noState,
      undoables: noUndoables,
    })) {
      registry.register(operation, { from: 'builtin' });
    }
    const builtin = registry.list().map(({ name }) => name);
    expect([...operationsWithCommands].toSorted()).toEqual(builtin.toSorted());
    expect(contributed.toSorted()).toEqual([...commandIds, ...builtin.map(operationCommand)].toSorted());
  });

  it('offers in menus and welcome views only commands that there are', () => {
    const menus = isRecord(contributes['menus']) ? Object.values(contributes['menus']) : [];
    const offered = menus.flatMap((menu) => list(menu).map((each) => String(each['command'])));
    const linked = JSON.stringify(texts).match(/command:(arsenal\.[\w.]+)/g) ?? [];
    const views = list(isRecord(contributes['views']) ? contributes['views']['arsenal'] : []).map(
      (view) => `${String(view['id'])}.focus`,
    );
    const known = new Set([...contributed, ...views]);
    expect([...offered, ...linked.map((link) => link.replace('command:', ''))].filter((id) => !known.has(id))).toEqual(
      [],
    );
  });

  it('has a text for every key, and no text without one', () => {
    const used = new Set((JSON.stringify(manifest).match(/%[\w.]+%/g) ?? []).map((key) => key.slice(1, -1)));
    expect(Object.keys(isRecord(texts) ? texts : {}).toSorted()).toEqual([...used].toSorted());
  });

  it('has the settings of the policy in the form that the server reads, out of reach of a workspace and of a container made from it', () => {
    const configuration = isRecord(contributes['configuration']) ? contributes['configuration'] : {};
    const settings = isRecord(configuration['properties']) ? configuration['properties'] : {};
    for (const part of ['roles', 'rateLimits', 'trustedOperations'] as const) {
      expect(settings[`arsenal.${policySetting[part]}`]).toMatchObject({
        ...policyPartSchemas[part],
        scope: 'application',
      });
    }
    expect(settings[`arsenal.${policySetting.rateLimits}`]).toMatchObject({ default: defaultRateLimits });
  });

  it('asks nothing of a workspace that is not trusted: what decides on a connection is restricted', () => {
    const capabilities = isRecord(manifest) && isRecord(manifest['capabilities']) ? manifest['capabilities'] : {};
    expect(capabilities['untrustedWorkspaces']).toMatchObject({
      supported: 'limited',
      restrictedConfigurations: ['arsenal.connect.onStart', 'arsenal.connect.agent'],
    });
  });
});
