import { expect, it } from 'vitest';
import type { FunTerm } from '../../term/term.ts';
import { atom, tuple } from '../../term/term.ts';
import { failure, success } from '../dist/errors.ts';
import type { NodeCall } from './interpreted.ts';
import { Interpreter } from './interpreted.ts';

const fun: FunTerm = { t: 'fun', module: 'erl_eval', arity: 1, label: '', scope: 'test', token: '' };

/** A node that parses and evaluates whatever it is sent. */
const willing: NodeCall = (module) =>
  Promise.resolve(
    success(module === 'erl_eval' ? tuple(atom('value'), fun) : module === 'erlang' ? fun : tuple(atom('ok'), fun)),
  );

it('A function is made once for all who ask for it', async () => {
  const interpreter = new Interpreter();
  let calls = 0;
  const counting: NodeCall = (...args) => {
    calls += 1;
    return willing(...args);
  };
  const all = await Promise.all([1, 2, 3].map(() => interpreter.fun('stats', 0, counting)));
  expect(all.every(({ ok }) => ok)).toBe(true);
  const once = calls;
  await interpreter.fun('stats', 0, counting);
  expect(calls).toBe(once);
});

it('Who waits for the attempt of somebody with less time has one of its own', async () => {
  const interpreter = new Interpreter();
  let late: () => void = () => undefined;
  const impatient: NodeCall = () =>
    new Promise((resolve) => {
      late = () => {
        resolve(failure({ kind: 'timeout', timeoutMs: 1, message: 'late' }));
      };
    });
  const first = interpreter.fun('stats', 0, impatient);
  const second = interpreter.fun('stats', 0, willing);
  late();
  expect(await first).toMatchObject({ ok: false, error: { kind: 'timeout' } });
  expect(await second).toMatchObject({ ok: true });
});
