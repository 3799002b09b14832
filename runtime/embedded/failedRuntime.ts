/** What a worker serves whose cluster could not be started: a runtime that is lost, with the reason. */
import type { ArsenalError } from '../model.ts';
import { buildCapabilities, buildPort } from '../portFacade.ts';
import type { ServedRuntime } from '../proxy/servePort.ts';

export function failedRuntime(error: ArsenalError): ServedRuntime {
  const capabilities = buildCapabilities(
    1,
    {},
    { otherwise: { why: error.message, remedy: error.remedy }, methods: {} },
  );
  return {
    port: buildPort({}, (name) => capabilities.runtime[name]),
    capabilities,
    state: { is: 'lost', since: Date.now(), retryAt: null, error },
    onChange: () => ({ dispose: () => undefined }),
    close: () => Promise.resolve(),
  };
}
