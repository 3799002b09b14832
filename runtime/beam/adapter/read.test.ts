/** A node is not trusted: whatever it answers is read as something, or as nothing, and never breaks us. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cheapFields, costlyFields } from '../../model.ts';
import { columnsOf } from '../../processQuery.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, integer, list, nil, text, tuple } from '../../term/term.ts';
import { termArbitrary } from '../../term/termArbitrary.ts';
import { itemsOf, readProcess, unknownKey } from './processFields.ts';
import { valueOf } from './processReader.ts';
import { functionText, listOf, nodeNames, numberOf, pidOf, processOf, propertiesOf, textOf, tupleOf } from './read.ts';
import { kindByModule, readLayout } from './supervisorLayout.ts';

const pid = { node: 'shop@box', creation: 7, id: 105, serial: 0 };
const pidTerm = pidOf(pid);
const anyTerm = termArbitrary();
const keys = [...cheapFields, ...costlyFields];

describe('reading terms', () => {
  it('takes what is as expected', () => {
    expect(processOf(pidTerm)).toEqual(pid);
    expect(functionText(tuple(atom('gen_server'), atom('loop'), integer(7)))).toBe('gen_server:loop/7');
    expect(functionText(tuple(atom('m'), atom('f'), list([atom('a'), atom('b')])))).toBe('m:f/2');
    expect(textOf(charlist('ERTS'))).toBe('ERTS');
    expect(textOf(list([integer(0x20ac)]))).toBe('€');
    expect(textOf(text('1.14.0'))).toBe('1.14.0');
    expect(textOf({ t: 'bits', base64: '/w==', lastBits: 8 })).toBe('\ufffd');
    expect(numberOf({ t: 'big', v: '18446744073709551616' })).toBe(2 ** 64);
    expect(numberOf({ t: 'float', v: '-0' })).toBe(0);
    expect(nodeNames(list([atom('a@b'), integer(1)]))).toEqual(['a@b']);
    expect(propertiesOf(list([tuple(atom('total'), integer(3)), atom('flag')])).get('total')).toEqual(integer(3));
  });

  it('takes anything else for nothing, whatever a node sends', () => {
    fc.assert(
      fc.property(anyTerm, (term: Term) => {
        const functionRead = functionText(term);
        const textRead = textOf(term);
        const numberRead = numberOf(term);
        expect(functionRead === null || functionRead.includes(':')).toBe(true);
        expect(textRead === null || typeof textRead === 'string').toBe(true);
        expect(numberRead === null || typeof numberRead === 'number').toBe(true);
        expect(Array.isArray(listOf(term))).toBe(true);
        expect(tupleOf(term) === null).toBe(term.t !== 'tuple');
        expect(propertiesOf(term).size).toBeGreaterThanOrEqual(0);
        const layout = readLayout(term, 'm');
        expect(layout === null || layout.kind.endsWith('supervisor')).toBe(true);
      }),
    );
  });
});

describe('a process as the node describes it', () => {
  const answer = (item: string, value: Term) => list([tuple(atom(item), value)]);

  it('is read field by field', () => {
    const read = (item: string, value: Term, key: (typeof keys)[number]) =>
      readProcess(pid, answer(item, value), [key])?.values.get(key);
    expect(read('registered_name', nil, 'registered_name')).toBeNull();
    expect(read('registered_name', atom('till'), 'registered_name')).toBe('till');
    expect(read('trap_exit', atom('true'), 'trap_exit')).toBe(true);
    expect(read('group_leader', pidTerm, 'group_leader')).toBe('shop@box~0.105.0~7');
    const port: Term = { t: 'port', node: 'shop@box', creation: 7, id: '5' };
    expect(read('links', list([pidTerm, port]), 'links')).toEqual(['shop@box~0.105.0~7', '#Port<0.5>']);
    const monitored = list([tuple(atom('process'), pidTerm), tuple(atom('process'), tuple(atom('till'), atom('a@b')))]);
    expect(read('monitors', monitored, 'monitors')).toEqual(['shop@box~0.105.0~7', '{till,a@b}']);
    expect(read('label', text('cart 7'), 'label')).toBe('cart 7');
    expect(read('label', atom('undefined'), 'label')).toBeNull();
    expect(read('dictionary', list([tuple(atom('k'), integer(1))]), 'dictionary')).toEqual([[atom('k'), integer(1)]]);
    const ancestors = list([tuple(atom('$ancestors'), list([atom('shop_sup'), pidTerm]))]);
    expect(read('dictionary', ancestors, 'ancestors')).toEqual(['shop_sup', 'shop@box~0.105.0~7']);
    expect(read('dictionary', nil, 'ancestors')).toBeNull();
    const where = list([tuple(atom('file'), charlist('gen_server.erl')), tuple(atom('line'), integer(432))]);
    const frames = list([
      tuple(atom('gen_server'), atom('loop'), integer(7), where),
      tuple(atom('m'), atom('f'), integer(0), nil),
    ]);
    expect(read('current_stacktrace', frames, 'current_stacktrace')).toEqual([
      'gen_server:loop/7 (gen_server.erl:432)',
      'm:f/0',
    ]);
  });

  it('has ended when the node says undefined', () => {
    expect(readProcess(pid, atom('undefined'), keys)).toBeNull();
    expect(readProcess(pid, undefined, keys)).toBeNull();
  });

  it('is asked only for items that the release has, and each once', () => {
    expect(itemsOf(['dictionary', 'ancestors', 'label', 'parent'], 24)).toEqual(['dictionary']);
    expect(itemsOf(['label', 'parent'], 27)).toEqual(['label', 'parent']);
    expect(itemsOf(['parent', 'status'], null)).toEqual(['status']);
    expect(unknownKey([...keys])).toBeNull();
    expect(unknownKey(['status', 'constructor'])).toBe('constructor');
  });

  it('makes columns of whatever the node sends', () => {
    const items = itemsOf(keys, 27);
    const described = fc.array(fc.tuple(fc.constantFrom(...items), anyTerm), { maxLength: 20 });
    fc.assert(
      fc.property(described, (pairs) => {
        const process = readProcess(pid, list(pairs.map(([item, value]) => tuple(atom(item), value))), keys);
        if (process === null) throw new Error('It lives.');
        const columns = columnsOf([process], keys, valueOf);
        expect(Object.keys(columns).sort()).toEqual([...keys].sort());
        expect(() => structuredClone(columns)).not.toThrow();
      }),
    );
  });
});

describe('the state of a supervisor', () => {
  it('tells kind and flags where its layout is known, and nothing where it is not', () => {
    const flags = [atom('rest_for_one'), integer(3), integer(5), atom('never')];
    expect(readLayout(tuple(atom('supervisor'), ...flags), 'shop_sup')).toEqual({
      kind: 'supervisor',
      flags: { strategy: 'rest_for_one', intensity: 3, periodSeconds: 5, autoShutdown: 'never' },
    });
    expect(readLayout(tuple(atom('Elixir.DynamicSupervisor'), ...flags), 'm')?.kind).toBe('dynamic_supervisor');
    expect(readLayout(tuple(atom('Elixir.DynamicSupervisor'), ...flags), 'Elixir.Task.Supervisor')?.kind).toBe(
      'task_supervisor',
    );
    expect(readLayout(tuple(atom('Elixir.Horde.ProcessesSupervisor'), ...flags), 'm')?.kind).toBe('horde_supervisor');
    const strange = [atom('by_moonlight'), integer(3), integer(5), atom('never')];
    expect(readLayout(tuple(atom('supervisor'), ...strange), 'm')).toEqual({ kind: 'supervisor', flags: null });
    expect(readLayout(atom('unknown_layout'), 'm')).toBeNull();
    expect(kindByModule('Elixir.PartitionSupervisor')).toBe('partition_supervisor');
  });
});
