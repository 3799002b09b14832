import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { manySupervisor } from '../beam/many.ts';
import { freshLeaseDir } from '../beam/shop.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { describeChosenLists, many } from './chosenListsSuite.ts';

describeChosenLists('of a live node', async () => {
  const live = await startErlang({ name: 'chosen_lists', cookie: 'lists' });
  await live.eval(String.raw`
    Self = self(),
    Idle = fun Loop() -> receive stop -> ok after infinity -> Loop() end end,
    Names = [list_to_atom("many_" ++ integer_to_list(N)) || N <- lists:seq(1, ${String(many)})],
    spawn(fun() -> [ets:new(Name, [named_table, public]) || Name <- Names], Self ! made, Idle() end),
    receive made -> ok end,
    [register(Name, spawn(Idle)) || Name <- Names],
    ${manySupervisor(many)}, ok.`);
  const spec = { id: 'chosen', node: live.node, cookie: 'lists', epmd: { port: live.epmdPort } };
  const runtime = valueOf(await connectBeam({ ...spec, leaseDir: freshLeaseDir() }));
  return {
    runtime,
    node: live.node,
    end: async () => {
      await runtime.close();
      stopAll();
    },
  };
});
