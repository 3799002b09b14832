// Leader election by Horde: on each node a candidate tries to have one name in a Horde registry; who has it leads. When the leader is lost
// another candidate gets the name. A partition makes a leader on each side; when it heals, Horde ends the candidate that loses the name,
// its supervisor starts it again, and it follows.
import {
  atom,
  defineCluster,
  genServer,
  hordeRegistry,
  libcluster,
  match,
  noreply,
  ok,
  Pid,
  supervisor,
} from 'arsenal-otp/cluster';

const names = 'Elixir.Vote.Names';
const lookEveryMs = 200;

type Candidate = { readonly role: 'leader' | 'follower'; readonly leader: Pid | null; readonly elections: number };

const candidate = genServer<Candidate>('Elixir.Vote.Candidate', {
  init: () => ok({ role: 'follower', leader: null, elections: 0 }, { timeoutMs: lookEveryMs }),
  *handleInfo(self, message, state) {
    const next = { timeoutMs: lookEveryMs };
    // The leader is gone: at once, not at the next look.
    if (match(message, 'DOWN') === null && state.leader !== null) return noreply(state, next);
    const answer = yield* self.apply('Elixir.Horde.Registry', 'register', [atom(names), 'leader', atom(self.node)]);
    if (match(answer, 'ok') !== null) {
      return noreply({ role: 'leader', leader: self.pid, elections: state.elections + 1 }, next);
    }
    const [taken] = match(answer, 'error') ?? [];
    const [leader] = match(taken, 'already_registered') ?? [];
    if (!(leader instanceof Pid)) return noreply({ ...state, role: 'follower', leader: null }, next);
    self.monitor(leader);
    return noreply({ ...state, role: 'follower', leader }, next);
  },
});

const top = supervisor('Elixir.Vote.Supervisor', {
  strategy: 'rest_for_one',
  intensity: 10,
  children: [libcluster('Gossip'), hordeRegistry(names), { module: candidate }],
});

export default defineCluster({
  nodes: ['vote1@sim', 'vote2@sim', 'vote3@sim'],
  modules: [candidate, top],
  applications: [{ name: 'vote', description: 'One of them leads', module: top }],
  faults: [
    { atMs: 20_000, forMs: 10_000, crash: 'vote1@sim' },
    {
      atMs: 60_000,
      forMs: 20_000,
      fault: { is: 'partition', islands: [['vote1@sim'], ['vote2@sim', 'vote3@sim']], mode: 'cut' },
    },
  ],
});
