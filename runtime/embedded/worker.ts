/** Entry of the worker thread that hosts a simulated cluster in real time, and serves the port to whoever started it. */
import { parentPort, workerData } from 'node:worker_threads';
import { messagePortEndpoint } from '../proxy/endpoint.ts';
import { servePort } from '../proxy/servePort.ts';
import { failedRuntime } from './failedRuntime.ts';
import { startRuntime } from './liveRuntime.ts';
import { readWorkerData } from './workerData.ts';

const options = readWorkerData(workerData);
if (parentPort !== null && options !== null) {
  const port = parentPort;
  const started = startRuntime(options, () => {
    // Whatever is still open (timers, children that are slow to go) ends with the thread.
    setImmediate(() => port.close());
  });
  servePort(started.ok ? started.value : failedRuntime(started.error), messagePortEndpoint(port));
} else {
  throw new Error('The simulated cluster is started by startSimulated.');
}
