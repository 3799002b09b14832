// A cache over three nodes. Each key lives on one of them, found by its hash; whoever asks a shard that cannot be reached gets an error,
// not a wrong answer. A partition comes by itself after half a minute, so that there is something to see.
import { atom, call, defineCluster, genServer, match, ok, reply, supervisor, tuple } from 'arsenal-otp/cluster';
import type { Flow, Self, Value } from 'arsenal-otp/cluster';

const nodes = ['cache1@sim', 'cache2@sim', 'cache3@sim'];

type Shard = { readonly entries: { readonly [key: string]: Value }; readonly hits: number };

const shard = genServer<Shard>('Elixir.Cache.Shard', {
  init: () => ok({ entries: {}, hits: 0 }),
  handleCall(_self, request, _from, state) {
    const [put, value] = match(request, 'put') ?? [];
    if (typeof put === 'string') return reply(atom('ok'), { ...state, entries: { ...state.entries, [put]: value } });
    const [get] = match(request, 'get') ?? [];
    if (typeof get !== 'string') return reply(tuple(atom('error'), atom('bad_request')), state);
    const found = Object.hasOwn(state.entries, get);
    const answer = found ? tuple(atom('ok'), state.entries[get]) : tuple(atom('error'), atom('not_found'));
    return reply(answer, { ...state, hits: state.hits + (found ? 1 : 0) });
  },
});

/** The node that a key lives on. */
function nodeOf(key: string): string {
  let hash = 0;
  for (const letter of key) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return nodes[hash % nodes.length] ?? nodes[0] ?? '';
}

/** Asks the shard of `key`; `{error, Reason}` when it cannot be reached. */
function* ask(self: Self, key: string, request: Value): Flow<Value> {
  try {
    return yield* call(self, tuple(atom('Elixir.Cache.Shard'), atom(nodeOf(key))), request, 1000);
  } catch {
    return tuple(atom('error'), atom('unreachable'));
  }
}

type Client = { readonly asked: number; readonly unreachable: number };

/** Puts and gets keys all day. */
const client = genServer<Client>('Elixir.Cache.Client', {
  init: () => ok({ asked: 0, unreachable: 0 }, { timeoutMs: 100 }),
  *handleInfo(self, _message, state) {
    const key = `key${Math.floor(Math.random() * 100)}`;
    const request = Math.random() < 0.3 ? tuple(atom('put'), key, state.asked) : tuple(atom('get'), key);
    const answer = yield* ask(self, key, request);
    const [reason] = match(answer, 'error') ?? [];
    const missed = reason === atom('unreachable') ? 1 : 0;
    const next = { asked: state.asked + 1, unreachable: state.unreachable + missed };
    return tuple(atom('noreply'), next, 50 + Math.floor(Math.random() * 100));
  },
});

const top = supervisor('Elixir.Cache.Supervisor', {
  strategy: 'one_for_one',
  children: [{ module: shard }, { module: client }],
});

export default defineCluster({
  nodes,
  modules: [shard, client, top],
  applications: [{ name: 'cache', description: 'A sharded cache', module: top }],
  network: { latencyMs: { min: 1, max: 5 } },
  faults: [
    {
      atMs: 30_000,
      forMs: 10_000,
      fault: { is: 'partition', islands: [['cache1@sim'], ['cache2@sim', 'cache3@sim']], mode: 'cut' },
    },
  ],
});
