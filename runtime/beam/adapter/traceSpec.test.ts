import { describe, expect, it } from 'vitest';
import type { Fuses } from '../../model.ts';
import { atom, integer, text, tuple } from '../../term/term.ts';
import type { TraceWanted } from '../../trace/query.ts';
import { badQuery } from '../../trace/query.ts';
import { refusal } from './traceSpec.ts';

const fuses: Fuses = { timeMs: 1_000, events: 10, eventsPerSecond: 10, tracerQueue: 10, termBytes: 100 };
const pid = { node: 'a@h', creation: 1, id: 7, serial: 0 };
const pidTerm = { t: 'pid', ...pid } as const;
const good: TraceWanted = { targets: [pid], events: ['receive'], fuses };
const sum = { module: 'lists', function: 'sum', arity: 1 } as const;
const mfa = tuple(atom('lists'), atom('sum'), integer(1));

describe('what is asked of a trace', () => {
  it.each<readonly [string | undefined, Partial<TraceWanted>]>([
    [undefined, {}],
    [undefined, { targets: 'all', events: ['call'], functions: [{ ...sum, arity: 'any' }] }],
    ['/events', { events: [] }],
    ['/targets', { targets: [] }],
    ['/targets', { targets: Array.from({ length: 1_001 }, () => pid) }],
    ['/functions', { events: ['call'] }],
    ['/functions', { functions: Array.from({ length: 101 }, () => sum) }],
    ['/functions/1/arity', { functions: [sum, { ...sum, arity: 256 }] }],
    ['/functions/0/arity', { functions: [{ ...sum, arity: 0.5 }] }],
    ['/fuses/timeMs', { fuses: { ...fuses, timeMs: 0 } }],
    ['/fuses/events', { fuses: { ...fuses, events: 1e7 } }],
    ['/fuses/eventsPerSecond', { fuses: { ...fuses, eventsPerSecond: Number.NaN } }],
    ['/fuses/tracerQueue', { fuses: { ...fuses, tracerQueue: 100_001 } }],
    ['/fuses/termBytes', { fuses: { ...fuses, termBytes: 1.5 } }],
  ])('is pointed at where it is wrong: %s', (pointer, change) => {
    expect(badQuery({ ...good, ...change })?.error.pointer).toBe(pointer);
  });
});

describe('what a node refuses', () => {
  it.each([
    [atom('gone'), 'process.not_found', 'not_found'],
    [atom('no_modules'), 'profile.no_modules', 'not_found'],
    [tuple(atom('not_loaded'), atom('m')), 'trace.module_not_loaded', 'not_found'],
    [tuple(atom('no_function'), mfa), 'trace.no_function', 'not_found'],
    [tuple(atom('too_many_functions'), mfa, integer(5_000)), 'trace.too_many_functions', 'validation'],
    [tuple(atom('bad_condition'), text('no')), 'trace.bad_condition', 'validation'],
    [tuple(atom('function_taken'), mfa, atom('ours')), 'trace.function_taken', 'conflict'],
    [tuple(atom('tracer_taken'), pidTerm, atom('theirs')), 'trace.tracer_taken', 'conflict'],
    [tuple(atom('tracer_taken'), atom('new_processes'), atom('theirs')), 'trace.tracer_taken', 'conflict'],
    [tuple(atom('protected'), pidTerm), 'process.protected', 'authorization'],
    [atom('anything'), 'node.strange_answer', 'execution'],
    [undefined, 'node.strange_answer', 'execution'],
  ] as const)('is an error of its own, without effect: %j', (why, code, errorClass) => {
    const { error } = refusal('a@h', why);
    expect(error).toMatchObject({ code, class: errorClass, effect: 'none', node: 'a@h' });
    expect(error.remedy).not.toBe('');
  });

  it('names whose the other tracing is, because what to do differs', () => {
    const ours = refusal('a@h', tuple(atom('function_taken'), mfa, atom('ours'))).error;
    const theirs = refusal('a@h', tuple(atom('function_taken'), mfa, atom('theirs'))).error;
    expect(ours.message).toContain('lists:sum/1');
    expect(ours.message).not.toBe(theirs.message);
    expect(ours.remedy).not.toBe(theirs.remedy);
  });
});
