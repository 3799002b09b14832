/** Horde.NodeListener: with `members: :auto`, keeps the members of a Horde the visible nodes that are connected, and this one. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { tagged } from '../kernel/values.ts';
import { call } from '../otp/gen.ts';
import type { Init, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, startServer } from '../otp/genServer.ts';
import type { Member } from './options.ts';

/** `Horde.NodeListener.make_members/1` */
export function membersHere(self: Self, horde: Atom): readonly Member[] {
  return [self.node, ...self.nodes()].map((node) => tup(horde, a(node)));
}

const nodeListener: ServerModule<Atom> = {
  module: 'Elixir.Horde.NodeListener',
  *init(self, horde): Flow<Init<Atom>> {
    if (!(horde instanceof Atom)) return self.error(a('function_clause'));
    yield* self.apply('net_kernel', 'monitor_nodes', [true, [tup(a('node_type'), a('visible'))]]);
    return { is: 'ok', state: horde };
  },
  *handleCast(self, message, horde): Flow<Step<Atom>> {
    if (message === a('initial_set')) yield* setMembers(self, horde);
    return noreply(horde);
  },
  *handleInfo(self, message, horde): Flow<Step<Atom>> {
    const changed = tagged(message, a('nodeup'), 3) ?? tagged(message, a('nodedown'), 3);
    if (changed !== null) yield* setMembers(self, horde);
    return noreply(horde);
  },
  show: (horde) => horde,
};

function* setMembers(self: Self, horde: Atom): Flow<void> {
  yield* call(self, horde, tup(a('set_members'), membersHere(self, horde)));
}

export const nodeListenerModule: CodeModule = {
  name: nodeListener.module,
  behaviours: ['gen_server'],
  functions: {
    'start_link/1': (self, horde): Flow<Value> => {
      if (!(horde instanceof Atom)) return self.error(a('function_clause'));
      return startServer(self, nodeListener, horde, { name: a(listenerOf(horde)) });
    },
  },
};

/** `Module.concat(horde, NodeListener)` */
function listenerOf({ name }: Atom): string {
  return `${name.startsWith('Elixir.') ? '' : 'Elixir.'}${name}.NodeListener`;
}
