import { describe, expect, it } from 'vitest';
import { ok } from '../../model.ts';
import { atom, list, tuple } from '../../term/term.ts';
import type { DistError } from '../dist/errors.ts';
import { answered, briefly, callFailure, strangeAnswer } from './callError.ts';

const message = 'said by the distribution';
const node = 'shop@box';
const cases: readonly (readonly [DistError, string, string])[] = [
  [{ kind: 'timeout', message, timeoutMs: 5 }, 'timeout', 'unknown'],
  [{ kind: 'connect_timeout', message, phase: 'connect' }, 'timeout', 'unknown'],
  [{ kind: 'cancelled', message }, 'cancelled', 'unknown'],
  [{ kind: 'exception', message, class: 'error', reason: atom('badarg'), stack: null }, 'execution', 'unknown'],
  [{ kind: 'down', message, reason: atom('killed') }, 'execution', 'unknown'],
  // These were surely not begun, whatever they would have done.
  [{ kind: 'spawn_failed', message, reason: 'system_limit' }, 'unavailable', 'none'],
  [{ kind: 'busy', message, queuedBytes: 9 }, 'unavailable', 'none'],
  [{ kind: 'encode', message, error: { code: 'elided', path: [], message: 'left out' } }, 'validation', 'none'],
  [{ kind: 'noconnection', message, why: 'closed' }, 'unavailable', 'unknown'],
];

describe('a call that a node did not answer as hoped', () => {
  it('has a class, a remedy, and what is known of its effect', () => {
    for (const [error, errorClass, effect] of cases) {
      const failed = callFailure(error, { node, what: 'The call', effect: 'unknown' });
      expect(failed.error, error.kind).toMatchObject({ class: errorClass, effect });
      expect(failed.error.remedy.length, error.kind).toBeGreaterThan(10);
    }
  });

  it('had no effect when it only reads', () => {
    for (const [error] of cases) {
      expect(answered({ ok: false, error }, node, 'The list')).toMatchObject({ error: { effect: 'none' } });
    }
    expect(answered(ok(1), node, 'The list')).toEqual(ok(1));
    expect(strangeAnswer(node, 'The list').error).toMatchObject({ class: 'execution', effect: 'none', node });
  });

  it('shows what was raised, in one short line', () => {
    const reason = tuple(atom('bad\nkey'), list(Array.from({ length: 1000 }, () => atom('x'))));
    expect(briefly(reason)).not.toContain('\n');
    expect(briefly(reason).length).toBeLessThanOrEqual(210);
  });
});
