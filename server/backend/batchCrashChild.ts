/** For the crash test, as a process of its own: begins a batch whose third item never ends, so that it can be killed in the middle of it. */
import process from 'node:process';
import { crashedBatch } from './batchCrashItems.ts';
import { editor, fakeShop, houseOn } from './testKit.ts';

const [home = '', requestId = '', mode = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const runtime = fakeShop({ kind: 'beam' });
  const spec = { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } } as const;
  const house = await houseOn(runtime, { home, spec, allowWrites: true });
  const method = mode === 'atomic' ? 'processes.suspend' : 'processes.exit';
  let before = 0;
  void house.run(
    'execute_batch',
    crashedBatch(mode),
    { requestId },
    {
      caller: editor,
      onProgress: (progress) => {
        // The second is over: whatever comes now does not end.
        if (progress.is !== 'progress' || progress.message !== '2 of 4') return;
        before = runtime.calls(method);
        runtime.fault(method, { is: 'hang' });
      },
    },
  );
  while (before === 0 || runtime.calls(method) === before) await new Promise((resolve) => setTimeout(resolve, 1));
  await house.backend.state.store.flush();
  process.send?.('there');
}

// Alive until it is killed.
setInterval(() => undefined, 1000);
void main();
