import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as messages from '../protocol/lsp.ts';

describe('docs/protocol.md', () => {
  it('names every message there is, and no other', () => {
    const constants: unknown[] = Object.values(messages);
    const methods = constants.flatMap((each) =>
      typeof each === 'object' && each !== null && 'method' in each && typeof each.method === 'string'
        ? [each.method]
        : [],
    );
    const named = fs.readFileSync('docs/protocol.md', 'utf8').match(/arsenal\/[a-z]+\/[a-z]+/g) ?? [];
    expect([...new Set(named)].toSorted()).toEqual(methods.toSorted());
    expect(methods.length).toBeGreaterThan(10);
  });
});
