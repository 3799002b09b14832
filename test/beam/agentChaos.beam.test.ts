/** Windows that come and go all the time, while the agent they share comes and goes with them, and is killed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidOf } from '../../runtime/beam/adapter/read.ts';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import type { AgentChoice } from '../../runtime/model.ts';
import { integer } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import {
  allFrames,
  closeWindows,
  guard,
  leftovers,
  nothingLeft,
  openWindow,
  pause,
  someServer,
  statusOf,
  suspensionOf,
  sysStatusOf,
  until,
  victim,
} from './agentKit.ts';

let node: LiveNode;
beforeAll(async () => {
  node = await startErlang({ name: 'chaos', cookie: 'crumbs' });
});
afterAll(() => {
  stopAll();
});

/** How long each lasts; `npm run prove` gives it a minute. */
const lastsMs = process.env['ARSENAL_PROVE'] === '1' ? 60_000 : 5_000;
const timeoutMs = lastsMs + 60_000;

describe('an agent that ends as soon as its last window does', () => {
  it(
    'is there for each that comes meanwhile',
    async () => {
      const end = performance.now() + lastsMs;
      let came = 0;
      const visitor = async (): Promise<void> => {
        while (performance.now() < end) {
          const window = await openWindow(node, { lingerMs: 0 });
          expect(await allFrames(await window.task({ kind: 'count', args: [integer(20)] }))).toHaveLength(20);
          came += 1;
          if (came % 5 === 0) window.lose();
          await window.close();
          await pause(Math.random() * 20);
        }
      };
      await Promise.all([visitor(), visitor(), visitor()]);
      expect(came).toBeGreaterThan(10);
      expect(
        await until(
          () => leftovers(node),
          (left) => left === nothingLeft,
        ),
      ).toBe(nothingLeft);
      expect(await node.eval(`erlang:check_old_code(${agentImage().module}).`)).toBe('false');
    },
    timeoutMs,
  );
});

describe('an agent and a guard that are killed at any moment', () => {
  it.each<AgentChoice>(['load', 'interpret'])(
    'leave nothing suspended, with “%s”',
    async (choice) => {
      const end = performance.now() + lastsMs;
      const processes = await Promise.all([1, 2, 3].map(() => victim(node)));
      const servers = await Promise.all([1, 2, 3].map(() => victim(node, someServer)));
      let held = 0;
      const holder = async (at: number): Promise<void> => {
        const [process, server] = [processes[at], servers[at]];
        if (process === undefined || server === undefined) return;
        while (performance.now() < end) {
          const window = await openWindow(node, { choice, lingerMs: 50 });
          try {
            await window.task({ kind: 'suspend', args: [pidOf(process)], holding: suspensionOf(process, 100) });
            await window.task({
              kind: 'sys_suspend',
              args: [pidOf(server), integer(2_000)],
              holding: suspensionOf(server, 100),
            });
            held += 1;
          } catch {
            // The agent was killed meanwhile: that is what this is about.
          }
          await pause(Math.random() * 60);
          if (Math.random() < 0.3) window.lose();
          await window.close();
        }
      };
      const killer = async (): Promise<void> => {
        while (performance.now() < end) {
          await pause(100 + Math.random() * 300);
          // Never both at once: then nobody knows what a sys suspension was (docs/agent.md).
          const whom = Math.random() < 0.5 ? `whereis(${agentImage().module})` : guard;
          await node.eval(`catch exit(${whom}, kill).`);
          await pause(150);
        }
      };
      await Promise.all([holder(0), holder(1), holder(2), killer()]);
      await closeWindows();
      expect(held).toBeGreaterThan(3);
      expect(
        await until(
          () => leftovers(node),
          (left) => left === nothingLeft,
        ),
      ).toBe(nothingLeft);
      for (const pid of processes)
        expect(
          await until(
            () => statusOf(node, pid),
            (seen) => seen === 'waiting',
          ),
        ).toBe('waiting');
      for (const pid of servers) expect(await sysStatusOf(node, pid)).toBe('running');
    },
    timeoutMs,
  );
});
