import { describe, expect, it } from 'vitest';
import { encodeTerm } from '../../term/encode.ts';
import type { Value } from '../../term/values.ts';
import { a, toTerm, tup } from '../../term/values.ts';
import { inProcess, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import { copied } from './copy.ts';
import { receive } from './flow.ts';
import { fun, LocalFun } from './localFun.ts';
import { encodedBytes } from './travel.ts';

const nodes = ['one@sim', 'two@sim'];

describe('a message to another node', () => {
  it('is badarg at its sender when it is no term', () => {
    const cluster = testCluster(nodes);
    const got: unknown[] = [];
    const far = spawn(nodeOf(cluster, 'two@sim'), function* () {
      for (;;) got.push(yield* receive());
    });
    inProcess(cluster, function* (self) {
      class Own {
        readonly kind = 'own';
      }
      const strangers: unknown[] = [() => 1, new Own(), Number.NaN, Symbol('s')];
      for (const stranger of strangers) {
        expect(() => self.send(far.pid, value(tup(1, [stranger])))).toThrow(
          expect.objectContaining({ reason: a('badarg') }),
        );
      }
      self.send(
        far.pid,
        fun('test', 'f', 0, () => 1),
      );
      yield* receive({ afterMs: 10 });
    });
    expect(got).toEqual([expect.any(LocalFun)]);
  });

  it('is the same to the receiver, with the same pids and references, and no part of the sender', () => {
    const cluster = testCluster(nodes);
    const got: Value[] = [];
    const far = spawn(nodeOf(cluster, 'two@sim'), function* () {
      for (;;) {
        const message = yield* receive();
        if (typeof message !== 'symbol') got.push(message);
      }
    });
    inProcess(cluster, function* (self) {
      const list: Value[] = [1, 2];
      const ref = self.makeRef();
      self.send(far.pid, tup(self.pid, ref, list, new Map([[1, 'x']])));
      list.push(3);
      yield* receive({ afterMs: 10 });
      expect(got).toHaveLength(1);
      expect(shown(got[0])).toBe('{pid,ref,[1,2],#{}}');
      const elements = got[0] instanceof Object && 'elements' in got[0] ? got[0].elements : [];
      expect(Array.isArray(elements) && elements[0] === self.pid && elements[1] === ref).toBe(true);
    });
  });

  it('tells an exit reason that is no term as badarg', () => {
    const cluster = testCluster(nodes);
    const seen = inProcess(cluster, function* (self) {
      const far = spawn(nodeOf(cluster, 'two@sim'), function* (there) {
        yield* receive();
        there.exit(value(() => 'a function'));
      });
      const ref = self.monitor(far.pid);
      self.send(far.pid, a('go'));
      return shown(yield* receive({ marker: ref }));
    });
    expect(seen).toBe('{DOWN,ref,process,pid,badarg}');
  });
});

it('counts the bytes that the codec writes', () => {
  const message = tup(a('item'), 17, ['a', 1.5], { key: null }, new Map<Value, Value>([['k', [1, 2, 3]]]));
  const term = toTerm(copied(message));
  const encoded = term.ok ? encodeTerm(term.value, { scope: '' }) : null;
  expect(encoded?.ok === true ? encoded.bytes.byteLength : 0).toBe(encodedBytes(message));
  expect(encodedBytes([fun('test', 'f', 0, () => 1)])).toBeGreaterThan(0);
});

/** What a program without types might send. */
function value(candidate: unknown): Value {
  const isValue = (_candidate: unknown): _candidate is Value => true;
  return isValue(candidate) ? candidate : null;
}
