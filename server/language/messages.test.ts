import { describe, expect, it } from 'vitest';
import type { ConnectSpec } from '../protocol/connection.ts';
import { connectSpecSchema, decode } from './messages.ts';

type Kind = ConnectSpec['kind'];
/** Of each kind a spec with every part there is: a part that is added to the type has to be added here. */
const whole: { readonly [K in Kind]: Required<Extract<ConnectSpec, { readonly kind: K }>> } = {
  simulated: { kind: 'simulated', nodes: 3, seed: 1, time: 'deterministic', clusterFile: '/p/arsenal.cluster.ts' },
  'local-cluster': {
    kind: 'local-cluster',
    project: '/p',
    launcher: 'erl',
    nodes: 2,
    baseName: 'n',
    env: { A: 'b' },
    applications: ['shop'],
    netTicktimeSeconds: 4,
    preventOverlappingPartitions: true,
  },
  beam: {
    kind: 'beam',
    node: 'a@h',
    cookie: { from: 'default' },
    address: { host: '::1', port: 9100 },
    epmd: { host: 'h', port: 4369 },
    erlEpmdPort: 9100,
    tls: { caFile: '/ca', certFile: '/c', keyFile: '/k', servername: 'h', verify: 'none' },
    ssh: { target: 'ops@gate' },
    agent: 'none',
  },
};

describe('what is to be connected to', () => {
  it.each(Object.values(whole))('is taken whole: $kind', (spec) => {
    expect(decode(connectSpecSchema, spec)).toEqual({ ok: true, value: spec });
  });

  it('is taken with no part that is not known, and with none that is wrong', () => {
    for (const odd of [
      { ...whole.beam, password: 'x' },
      { ...whole.beam, ssh: { target: '' } },
      { ...whole.beam, tls: { verify: 'maybe' } },
      { ...whole.beam, erlEpmdPort: 0 },
      { ...whole.beam, agent: 'always' },
    ]) {
      expect(decode(connectSpecSchema, odd)).toMatchObject({ ok: false, error: { code: 'request.malformed' } });
    }
  });
});
