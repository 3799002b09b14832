/** A window in a process of its own, for tests that kill it: starts or joins a local cluster, says how it stands, and stays. */
import { callOptions } from '../../runtime/callOptions.ts';
import { startLocal } from '../../runtime/local/localRuntime.ts';
import { usualSpec } from '../../runtime/local/localSpec.ts';

async function main([home = '', ownerFile = '', hang = '']: readonly string[]): Promise<void> {
  const started = await startLocal({ id: 'w', spec: usualSpec, home, ownerFile, leaseDir: `${home}/leases` });
  if (!started.ok) {
    console.log(JSON.stringify({ error: started.error }));
    process.exit(1);
  }
  const options = () => callOptions(10_000);
  if (hang !== '') {
    const owner = { principal: 'test', client: 'test', operation: 'test', requestId: 'test' };
    await started.value.port.faults.hangNode({ node: hang, owner, lingerMs: 600_000 }, options());
  }
  const info = await started.value.info(options());
  console.log(JSON.stringify(info.ok ? info.value : info));
}

void main(process.argv.slice(2));
