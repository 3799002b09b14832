import { describe, expect, it } from 'vitest';
import type { ChildSpec } from '../../model.ts';
import { atom, integer, tuple } from '../../term/term.ts';
import { readSpec, specTerm } from './childSpecs.ts';
import type { ChildReport } from './crashRecorder.ts';
import { counted } from './crashRecorder.ts';

const spec: ChildSpec = {
  childId: tuple(atom('cart'), integer(7)),
  start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [integer(7)] },
  restart: 'transient',
  shutdown: 'infinity',
  type: 'supervisor',
  significant: true,
};

describe('a child specification', () => {
  it.each([
    {},
    { shutdown: 500, significant: false, type: 'worker' },
    { shutdown: 'brutal_kill', restart: 'temporary' },
  ] as const)('is the same after a way there and back: %j', (change) => {
    expect(readSpec(specTerm({ ...spec, ...change }))).toEqual({ ...spec, ...change });
  });

  it('says significant only where it is, for who does not know the word', () => {
    const keys = (one: ChildSpec) => {
      const term = specTerm(one);
      return term.t === 'map' ? term.e.map(([key]) => (key.t === 'atom' ? key.v : '')) : [];
    };
    expect(keys(spec)).toContain('significant');
    expect(keys({ ...spec, significant: false })).not.toContain('significant');
  });

  it('is none when a part of it is missing or of no known kind', () => {
    expect(readSpec(undefined)).toBeNull();
    expect(readSpec(atom('spec'))).toBeNull();
    const term = specTerm(spec);
    if (term.t !== 'map') throw new Error('It is no map.');
    for (const missing of ['id', 'start', 'restart', 'shutdown']) {
      const left = term.e.filter(([key]) => key.t !== 'atom' || key.v !== missing);
      expect(readSpec({ t: 'map', e: left }), missing).toBeNull();
    }
  });
});

it('counts restarts by child', () => {
  const supervisor = { node: 'a@b', creation: 1, id: 2, serial: 0 };
  const report = (childId: string, at: number): ChildReport => ({
    at,
    supervisor,
    context: 'child_terminated',
    childId: atom(childId),
    isRestarted: true,
    reason: atom('killed'),
  });
  expect(counted([report('a', 1), report('b', 2), report('a', 3)]).map(({ at, count }) => [at, count])).toEqual([
    [1, 1],
    [2, 1],
    [3, 2],
  ]);
});
