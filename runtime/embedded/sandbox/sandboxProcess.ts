/** Inside a sandbox: says what keeps it apart, loads the user's module, and calls its functions when asked. */
import process from 'node:process';
import type { FromChild } from './messages.ts';
import { isToChild } from './messages.ts';
import { callFunction, functionsOf, loadModule, textOf } from './moduleLoader.ts';
import { captureOutput } from './output.ts';
import { probeIsolation } from './probe.ts';

/** Serves the owner until it is gone. */
export function runSandbox(): void {
  let module: object = {};
  const output = captureOutput([process.stdout, process.stderr]);
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: unknown) => {
    if (!isToChild(message)) return;
    if (message.m === 'ping') say({ m: 'pong', n: message.n, memoryBytes: process.memoryUsage.rss() });
    else if (message.m === 'call') void callFunction(module, message, output).then(say);
    else {
      void loadModule(message).then(
        (loaded) => {
          module = loaded;
          say({ m: 'loaded', functions: functionsOf(module) });
        },
        (thrown: unknown) => say({ m: 'failed', why: textOf(thrown) }),
      );
    }
  });
  void probeIsolation().then((isolation) => {
    say({ m: 'ready', isolation, memoryBytes: process.memoryUsage.rss() });
  });
}

function say(message: FromChild): void {
  if (process.connected) process.send?.(message);
}
