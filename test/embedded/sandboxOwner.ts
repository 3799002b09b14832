/** A program that owns sandboxes, one of them caught in a loop; it is killed by sandbox.test.ts. */
import { callOptions } from '../../runtime/callOptions.ts';
import { SandboxManager } from '../../runtime/embedded/sandbox/sandboxManager.ts';

const childFile = process.argv[2] ?? '';
const manager = new SandboxManager({ childFile, wallNow: () => Date.now() });
const owner = { principal: 'user', client: 'test', operation: 'test', requestId: 'r1' };
const text = 'exports.loop = () => { for (;;); }; exports.ok = () => 1;';

async function create(): Promise<string> {
  const spec = {
    source: { from: 'text', value: text },
    nodes: [],
    // Its own heartbeat is far too slow to end the loop within the test.
    limits: { memoryBytes: 64 * 1024 * 1024, cpuMs: 600_000 },
    policy: 'high',
    owner,
    lingerMs: 0,
  } as const;
  const items = manager.methods['sandboxes.create']?.(spec, callOptions(20_000));
  for await (const item of items ?? []) {
    if (item.is === 'end' && item.result.ok) return item.result.value.sandbox.id;
    if (item.is === 'end' && !item.result.ok) throw new Error(item.result.error.message);
  }
  throw new Error('no sandbox');
}

async function run(): Promise<void> {
  await create();
  const looping = await create();
  void manager.methods['sandboxes.execute']?.({ id: looping, function: 'loop', args: [] }, callOptions(600_000));
  setTimeout(() => {
    console.log(JSON.stringify({ guard: manager.guardPid, sandboxes: manager.all.map(({ osPid }) => osPid) }));
  }, 200);
}

void run();
