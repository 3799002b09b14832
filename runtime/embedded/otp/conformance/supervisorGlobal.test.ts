import { describe, expect, it } from 'vitest';

import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, tagged } from '../../kernel/values.ts';
import { shown, testModule } from '../../testKit.ts';
import type { ServerModule } from '../genServer.ts';
import { noreply, startServer, stop } from '../genServer.ts';
import { restartChild, startSupervisor, terminateChild } from '../supervisor.ts';
import { definition, exitOf, inSuite, spec, started, tupleFlags } from './supervisorKit.ts';

const sup2 = tup(a('global'), a('sup2'));
const server: ServerModule<null> = {
  module: 'supervisor_SUITE',
  init: () => ({ is: 'ok', state: null }),
  handleInfo(_self, message, state) {
    const fails = tagged(message, a('fail'), 2);
    return fails === null ? noreply(state) : stop(asValue(fails[1]), state);
  },
  show: (state) => state,
};
const oneForAll = tupleFlags('one_for_all', 3, 60);
const modules = [
  testModule('global_suite', {
    'middle/0': (self) => {
      const child = spec('child', { module: 'global_suite', start: 'server', shutdown: 2000 });
      const callback = { module: 'supervisor_SUITE', init: () => ({ term: definition(oneForAll, [child]) }) };
      return startSupervisor(self, callback, [], { name: sup2 });
    },
    'server/0': (self) => startServer(self, server, [], { name: tup(a('global'), a('server')) }),
  }),
];

function* where(self: Self, name: string): Flow<Pid | null> {
  const pid = yield* self.apply('global', 'whereis_name', [a(name)]);
  return pid instanceof Pid ? pid : null;
}

describe('a supervisor with a global name, and a child with one', () => {
  // @otp supervisor_SUITE:simple_global_supervisor
  it.each(['the supervisor is killed', 'the child is killed', 'the child ends', 'the child is restarted by hand'])(
    'are there again after %s',
    (what) => {
      inSuite(
        function* (self) {
          const middle = spec('middle', {
            module: 'global_suite',
            start: 'middle',
            type: 'supervisor',
            shutdown: 2000,
          });
          const top = yield* started(self, oneForAll, [middle]);
          const supervisor = yield* where(self, 'sup2');
          const child = yield* where(self, 'server');
          if (supervisor === null || child === null) throw new Error('not there');
          if (what === 'the supervisor is killed') self.sendExit(supervisor, atoms.kill);
          else if (what === 'the child is killed') self.sendExit(child, atoms.kill);
          else if (what === 'the child ends') self.send(child, tup(a('fail'), atoms.normal));
          else {
            expect(yield* terminateChild(self, sup2, a('child'))).toBe(atoms.ok);
            expect(shown(yield* restartChild(self, sup2, a('child')))).toBe('{ok,pid}');
          }
          yield* sleep(200);
          const again = yield* where(self, 'server');
          expect(again).toBeInstanceOf(Pid);
          expect(again).not.toBe(child);
          expect((yield* where(self, 'sup2')) === supervisor).toBe(what !== 'the supervisor is killed');
          self.sendExit(top, atoms.kill);
          yield* sleep(200);
          expect(yield* where(self, 'sup2')).toBeNull();
          expect(yield* where(self, 'server')).toBeNull();
          expect(yield* exitOf(self, top)).toBe('killed');
        },
        { modules },
      );
    },
  );
});
