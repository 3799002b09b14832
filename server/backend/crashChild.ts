/** For the crash test, as a process of its own: begins a write that never ends, so that it can be killed in the middle of it. */
import process from 'node:process';
import { editor, fakeShop, houseOn } from './testKit.ts';

const [home = '', requestId = '', when = '', reason = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const runtime = fakeShop({ kind: 'beam' });
  const spec = { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } } as const;
  const house = await houseOn(runtime, { home, spec, allowWrites: true });
  if (when === 'in_the_middle') runtime.fault('processes.exit', { is: 'hang' });
  if (when === 'looking') {
    await house.run('list_processes', { limit: 1 }, { requestId: `${requestId}-over` });
    runtime.fault('processes.info', { is: 'hang' });
    void house.run('get_process_info', { pid: 'only_here' }, { requestId: `${requestId}-on` });
    // As long as a call must have been over, or gone on, to be on disk.
    await house.backend.state.store.flush();
    process.send?.('there');
    return;
  }
  const running = house.run('kill_process', { pid: 'only_here', reason }, { requestId }, { caller: editor });
  if (when === 'in_the_middle') {
    while (runtime.calls('processes.exit') === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  } else {
    await running;
  }
  process.send?.('there');
}

// Alive until it is killed.
setInterval(() => undefined, 1000);
void main();
