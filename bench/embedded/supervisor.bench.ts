/** Whether a supervisor's children cost the same however many there are: added and terminated one by one, per second of CPU. */
import process from 'node:process';
import { expect, it } from 'vitest';
import { figures } from '../measure.ts';
import { childSpec, flags, specValue } from '../../runtime/embedded/otp/childSpec.ts';
import { startServer, startedPid } from '../../runtime/embedded/otp/genServer.ts';
import { startChild, startSupervisor, terminateChild } from '../../runtime/embedded/otp/supervisor.ts';
import { inProcess, testCluster, testModule } from '../../runtime/embedded/testKit.ts';
import { Pid, a } from '../../runtime/term/values.ts';

const worker = { module: 'worker', init: () => ({ is: 'ok', state: null }) as const, show: () => null };
const modules = [testModule('worker', { 'start_link/0': (self) => startServer(self, worker, null) })];

/** Children that are added, then terminated, by one_for_one or simple_one_for_one, a second of CPU. */
function rateOf(strategy: 'one_for_one' | 'simple_one_for_one', many: number): number {
  return inProcess(testCluster(['one@sim'], { modules }), function* (self) {
    const spec = (id: number) => childSpec(id, ['worker', 'start_link', []], { restart: 'temporary' });
    const simple = strategy === 'simple_one_for_one';
    const init = () => ({ flags: flags({ strategy }), children: simple ? [spec(0)] : [] });
    const supervisor = startedPid(yield* startSupervisor(self, { module: 'bench', init }, null));
    if (!(supervisor instanceof Pid)) throw new Error(a('not_started').name);
    const before = process.cpuUsage();
    const pids: Pid[] = [];
    for (let at = 0; at < many; at += 1) {
      const pid = startedPid(yield* startChild(self, supervisor, simple ? [] : specValue(spec(at))));
      if (pid instanceof Pid) pids.push(pid);
    }
    for (const [at, pid] of pids.entries()) yield* terminateChild(self, supervisor, simple ? pid : at);
    const { user, system } = process.cpuUsage(before);
    return (many * 1_000_000) / (user + system);
  });
}

it.each(['one_for_one', 'simple_one_for_one'] as const)('%s: 100,000 children beside 1,000', (strategy) => {
  rateOf(strategy, 1000);
  const [few, many] = [Math.max(rateOf(strategy, 1000), rateOf(strategy, 1000)), rateOf(strategy, 100_000)];
  figures(`${strategy} children`, { 'of 1,000 a second': few, 'of 100,000 a second': many, 'many to few': many / few });
  expect(many).toBeGreaterThan(0);
});
