/**
 * Every operation on the simulated cluster, through the pipeline, with the first of its own examples: it works, or is refused with a
 * reason that is true of the simulated cluster. A new operation has to stand here when its example is refused.
 */
import { expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { builtinOperations } from '../../server/operations/catalogue.ts';
import { ScanStore } from '../../server/services/scans.ts';

/** What has no meaning on the simulated cluster (docs/simulated.md), and a word of the reason. */
const refused: { readonly [operation: string]: RegExp } = {
  garbage_collect_process: /heaps/,
  get_allocator_info: /allocators/,
  get_scheduler_info: /no time of the cluster/,
  reload_cluster_file: /not started from a cluster file/,
};
/** Examples that name what is not there at the start, or cannot be done there: the answer they are given. */
const answers: { readonly [operation: string]: string } = {
  migrate_process: 'process.not_done',
  add_child: 'child.start_failed',
  trace_messages: 'trace.no_function',
  get_trace_results: 'trace.not_found',
  stop_trace: 'trace.not_found',
  list_groups: 'registry.not_found',
  horde_start_child: 'registry.not_found',
  // The runtime of this test was given no file to start sandboxes from.
  create_sandbox: 'sandbox.start_failed',
  destroy_sandbox: 'sandbox.not_found',
};

const nothing = { list: () => [], search: () => [], describe: () => null };
const operations = builtinOperations({ catalogue: nothing, scans: new ScanStore() });

it.each(operations.map(({ name, examples }) => [name, examples[0]?.params ?? {}] as const))(
  '%s',
  async (name, params) => {
    const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
    const runtime = liveRuntime({ id: 'sim', nodes, seed: 1, time: 'deterministic', sandboxChildFile: 'none' });
    const house = await houseOn(runtime);
    try {
      const answer = await house.run(name, params);
      const why = refused[name];
      if (why !== undefined) {
        expect(answer).toMatchObject({ ok: false, error: { class: 'unsupported', effect: 'none' } });
        expect(answer.ok ? '' : answer.error.message).toMatch(why);
      } else expect(answer.ok ? 'works' : answer.error.code).toBe(answers[name] ?? 'works');
    } finally {
      await house.close();
    }
  },
);
