/** A worker whose runtime is a fake, served through the proxy; see port.test.ts. */
import { parentPort } from 'node:worker_threads';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { messagePortEndpoint } from '../../runtime/proxy/endpoint.ts';
import { servePort } from '../../runtime/proxy/servePort.ts';
import { fakeNodes } from './fakeFixture.ts';

if (parentPort !== null) servePort(createFakeRuntime({ nodes: fakeNodes }), messagePortEndpoint(parentPort));
