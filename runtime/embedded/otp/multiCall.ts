/** Calls and casts to servers of one name on many nodes: `gen_server:multi_call/2,3,4`, `abcast/2,3`. */
import type { Atom, Ref, Value } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, sameValue, tagged } from '../kernel/values.ts';
import { genAtoms } from './gen.ts';

type Asked = { readonly node: Atom; readonly watch: Ref; readonly tag: Value };

/**
 * `gen_server:multi_call/4`: `{[{Node, Reply}], BadNodes}`. With a time limit a process of its own asks, so that late answers go
 * nowhere. Replies and bad nodes stand in OTP's order: the last one heard of first.
 */
export function* multiCall(
  self: Self,
  nodes: readonly Atom[],
  name: Atom,
  request: Value,
  timeoutMs: number | null = null,
): Flow<Value> {
  if (timeoutMs === null) return yield* askAll(self, nodes, name, request, null);
  const caller = self.pid;
  const tag = self.makeRef();
  const receiver = self.spawnBody(
    {
      is: 'flow',
      *run(own) {
        own.trapExit(true);
        const watch = own.monitor(caller);
        const go = yield* receive({
          match: (message) => tagged(message, atoms.down, 5)?.[1] === watch || isGo(message, caller, tag),
        });
        if (go !== timedOut && !isGo(go, caller, tag)) return;
        own.exit(tup(own.pid, tag, yield* askAll(own, nodes, name, request, timeoutMs)));
      },
    },
    { module: 'gen_server', function: 'do_multi_call', arity: 4 },
  );
  const watch = self.monitor(receiver);
  self.send(receiver, tup(caller, tag));
  const down = yield* receive({ marker: watch, match: (message) => tagged(message, atoms.down, 5)?.[1] === watch });
  const reason = asValue(down instanceof Tuple ? down.elements[4] : undefined);
  if (reason instanceof Tuple && reason.elements.length === 3 && reason.elements[1] === tag) {
    return asValue(reason.elements[2]);
  }
  throw new ExitException(reason);
}

function isGo(message: Value, caller: Value, tag: Ref): boolean {
  return message instanceof Tuple && message.elements[0] === caller && message.elements[1] === tag;
}

function* askAll(
  self: Self,
  nodes: readonly Atom[],
  name: Atom,
  request: Value,
  timeoutMs: number | null,
): Flow<Value> {
  const ref = self.makeRef();
  const asked = nodes.map((node): Asked => {
    const watch = self.monitor(tup(name, node));
    const tag = tup(ref, node);
    self.send(tup(name, node), tup(genAtoms.call, tup(self.pid, tag), request));
    return { node, watch, tag };
  });
  const until = timeoutMs === null ? null : self.nowMs + timeoutMs;
  let replies: readonly Value[] = [];
  let bad: readonly Value[] = [];
  // OTP asks in order and listens in the reverse one.
  for (const one of asked.reverse()) {
    const answer = yield* receive({
      match: (message) => isAbout(message, one),
      afterMs: until === null ? null : Math.max(0, until - self.nowMs),
      at: 'gen_server:rec_nodes/7',
    });
    self.demonitor(one.watch, { flush: true });
    if (answer instanceof Tuple && answer.elements.length === 2) {
      replies = [tup(one.node, asValue(answer.elements[1])), ...replies];
    } else bad = [one.node, ...bad];
  }
  return tup(replies, bad);
}

function isAbout(message: Value, { watch, tag }: Asked): boolean {
  if (!(message instanceof Tuple)) return false;
  const { elements }: { readonly elements: readonly unknown[] } = message;
  if (elements.length === 5) return elements[0] === atoms.down && elements[1] === watch;
  return elements.length === 2 && sameValue(elements[0], tag);
}

/** `gen_server:abcast/3`: a cast to the name on each node; `abcast`. */
export function abcast(self: Self, nodes: readonly Atom[], name: Atom, message: Value): Value {
  for (const node of nodes) self.send(tup(name, node), tup(genAtoms.cast, message));
  return a('abcast');
}
