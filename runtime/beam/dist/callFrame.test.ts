import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { termWriter } from '../../term/encode.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, list } from '../../term/term.ts';
import { termArbitrary } from '../../term/termArbitrary.ts';
import { CallFrames } from './callFrame.ts';
import type { Framing, Outgoing } from './control.ts';
import { spawnMonitored } from './control.ts';
import { writeMessage } from './frames.ts';
import { Identities } from './identities.ts';

const scope = 'test';
const identities = new Identities('js@localhost', 77);
const self = identities.newPid();
const leader: PidTerm = { t: 'pid', node: 'n@host', creation: 9, id: 40, serial: 1 };

function frameOf(framing: Framing, outgoing: Outgoing): string | { readonly code: string } {
  const writer = termWriter(16);
  const written = writeMessage(writer, framing, scope, outgoing);
  return typeof written === 'number'
    ? `${written} ${Buffer.from(writer.written()).toString('hex')}`
    : { code: written.code };
}

function wholly(ref: RefTerm, by: PidTerm, module: string, fun: string, args: readonly Term[]): Outgoing {
  return spawnMonitored(ref, self, by, 'erpc', 'execute_call', [ref, atom(module), atom(fun), list(args)]);
}

describe('the request of a call', () => {
  it('has the bytes that it would have if it were written anew each time', () => {
    const frames = { header: new CallFrames('header', self), pass_through: new CallFrames('pass_through', self) };
    const leaders = fc.constantFrom(leader, self, { ...leader, id: 41 });
    const names = fc.constantFrom('erlang', 'Elixir.Shop', 'é', '');
    fc.assert(
      fc.property(
        names,
        names,
        fc.array(termArbitrary({ scope }), { maxLength: 4 }),
        leaders,
        (module, fun, args, by) => {
          const ref = identities.newRef();
          for (const framing of ['header', 'pass_through'] as const) {
            const prepared = frames[framing].request(ref, by, { module, fun, args });
            expect(prepared.form).toBe('prepared');
            expect(frameOf(framing, prepared)).toEqual(frameOf(framing, wholly(ref, by, module, fun, args)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('numbers every word of its references', () => {
    const frames = new CallFrames('header', self);
    for (const ids of [
      [1, 2, 0],
      [0x3ffff, 0xffffffff, 0],
      [7, 0, 0],
    ]) {
      const ref: RefTerm = { ...identities.newRef(), ids };
      const prepared = frames.request(ref, leader, { module: 'm', fun: 'f', args: [] });
      expect(frameOf('header', prepared)).toEqual(frameOf('header', wholly(ref, leader, 'm', 'f', [])));
    }
  });

  it('is refused as any message is, whichever part is wrong', () => {
    const frames = new CallFrames('header', self);
    const elided: Term = { t: 'elided', was: 'list', size: 1 };
    const request = (by: PidTerm, module: string, args: readonly Term[]): unknown =>
      frameOf('header', frames.request(identities.newRef(), by, { module, fun: 'f', args }));
    expect(request(leader, 'm', [elided])).toEqual({ code: 'elided' });
    expect(request(leader, 'm'.repeat(256), [])).toEqual({ code: 'out_of_range' });
    expect(request({ ...leader, id: -1 }, 'm', [])).toEqual({ code: 'out_of_range' });
    expect(typeof request(leader, 'm', [])).toBe('string');
  });
});
