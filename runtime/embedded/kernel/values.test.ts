import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Bits, Export, Float, ImproperList, Pid, Ref, tup } from '../../term/values.ts';
import { nodeOf, spawn, testCluster } from '../testKit.ts';
import { sleep } from './flow.ts';
import { CodeServer, mfaText } from './module.ts';
import { flatWords, processBytes } from './termSize.ts';
import { elementsOf, isList, isTuple, samePid, sameValue } from './values.ts';

describe('sameValue', () => {
  const pid = (creation = 1): Pid => new Pid('one@sim', creation, 7, 0);
  const ref = (id = 1): Ref => new Ref('one@sim', 1, [id, 0, 0]);

  it.each<[Value, Value, boolean]>([
    [1, 1, true],
    [1, '1', false],
    [a('x'), a('x'), true],
    [tup(a('x'), [1, 2]), tup(a('x'), [1, 2]), true],
    [tup(1), tup(1, 2), false],
    [tup(1), [1], false],
    [[1], tup(1), false],
    [pid(), pid(), true],
    [pid(), pid(2), false],
    [pid(), ref(), false],
    [ref(), ref(), true],
    [ref(), ref(2), false],
    [{ x: 1, y: [2] }, { y: [2], x: 1 }, true],
    [{ x: 1 }, { x: 1, y: 2 }, false],
    [{ x: 1 }, { z: 1 }, false],
    [{ x: 1 }, null, false],
    [new Float(1), new Float(1), false],
  ])('case %#', (one, other, same) => {
    expect(sameValue(one, other)).toBe(same);
  });

  it('reads shapes', () => {
    expect(samePid(pid(), pid())).toBe(true);
    expect([isTuple(tup(1)), isTuple([1]), isList([1]), isList(tup(1))]).toEqual([true, false, true, false]);
    expect(elementsOf(7)).toBeNull();
  });
});

describe('flatWords', () => {
  // By the table of the efficiency guide, 64-bit; the figures in the comments are erts_debug:flat_size/1 where they agree.
  it.each<[Value, number]>([
    [7, 0],
    [a('x'), 0],
    [null, 0],
    [[], 0],
    [[1, 2, 3], 6],
    [tup(1, 2), 3],
    [tup(tup(1), [2]), 7],
    [1.5, 2],
    [new Float(1), 2],
    [2n ** 64n, 3],
    ['abcdefgh', 7],
    [new Uint8Array(9), 8],
    [new Bits(new Uint8Array([1]), 3), 7],
    [{ a: 1, b: 2 }, 9],
    [new Map<Value, Value>([[tup(1), 'x']]), 16],
    [new ImproperList([1], 2), 2],
    [new Pid('one@sim', 1, 1, 0), 0],
    [new Ref('one@sim', 1, [1, 2, 3]), 3],
    [new Export('m', 'f', 1), 5],
  ])('of case %#', (value, words) => {
    expect(flatWords(value)).toBe(words);
  });

  it('stops at a limit, and makes up the memory of a process from what it holds', () => {
    expect(
      flatWords(
        Array.from({ length: 1000 }, () => [1]),
        10,
      ),
    ).toBeLessThan(2010);
    const cluster = testCluster();
    const process = spawn(nodeOf(cluster), function* (self) {
      self.put(a('key'), tup(1));
      yield* sleep(1000);
    });
    cluster.runUntil(cluster.nowMs + 1);
    expect(processBytes(process)).toBe((3 + 2) * 8);
    nodeOf(cluster).send(process.pid, tup(1, 2));
    expect(processBytes(process)).toBe((3 + 2 + 2 + 3) * 8);
  });
});

describe('modules', () => {
  it('are found by name, function and arity; names are quoted where Erlang would', () => {
    const code = new CodeServer([{ name: 'm', functions: { 'f/1': () => 1 } }]);
    expect(code.find('m', 'f', 1)).not.toBeNull();
    expect(code.find('m', 'f', 2)).toBeNull();
    expect(code.find('n', 'f', 1)).toBeNull();
    expect(code.find('m', 'toString', 0)).toBeNull();
    expect(mfaText({ module: 'Elixir.Shop', function: 'end', arity: 1 })).toBe(`'Elixir.Shop':'end'/1`);
    expect(mfaText({ module: 'gen_server', function: "it's", arity: 0 })).toBe(`gen_server:'it\\'s'/0`);
  });
});
