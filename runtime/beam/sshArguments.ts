/**
 * What the user's own `ssh` is called with. Every part is an argument of its own, never words for a shell, and none can be taken for an
 * option or for something else than a host: names of nodes come from the cluster, and ssh hands names on to commands of its
 * configuration.
 */
import { isIPv6 } from 'node:net';
import type { Result } from '../model.ts';
import { ok } from '../model.ts';
import { failure } from '../errors.ts';
import type { Address } from './dist/tcp.ts';

/** How to get to the machine that the nodes are reached from. Keys, ports and hosts to go through are in the user's ssh configuration. */
export type SshSpec = {
  /** As for ssh: a host of the configuration, `user@host`, or `ssh://user@host:port`. */
  readonly target: string;
  /** Other than the `ssh` that is found in PATH. */
  readonly program?: string;
};

/** No white space, quotes, `$` or `;`; neither a user nor a host begins with a dash. */
const destination =
  /^(?:ssh:\/\/)?(?:[\w.+%][\w.+%-]*@)*(?:[\w.%][\w.%-]*|\[[0-9a-fA-F:.%]+\]|[0-9a-fA-F:.]+)(?::\d{1,5})?$/;
const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})$/;
const longestTarget = 300;

/** Whether `target` can be handed to ssh. Error: `connect.bad_ssh_target`. */
export function checkSsh(spec: SshSpec): Result<SshSpec> {
  if (spec.target.length <= longestTarget && destination.test(spec.target)) return ok(spec);
  return failure(
    'validation',
    'connect.bad_ssh_target',
    'The target for ssh is not well-formed.',
    'Give a host of your ssh configuration, user@host, or ssh://user@host:port; no part begins with a dash.',
  );
}

/** Whether a host of a node's name can be forwarded to: a name or an address, and nothing that ssh reads otherwise. */
export function isForwardable(host: string): boolean {
  return hostName.test(host) || isIPv6(host);
}

/** The arguments that forward a port of our loopback to `to`, as seen from the target, and do nothing else. */
export function sshArguments({ target }: SshSpec, localPort: number, to: Address): string[] {
  const host = isIPv6(to.host) ? `[${to.host}]` : to.host;
  return [
    '-N',
    '-T',
    '-L',
    `127.0.0.1:${String(localPort)}:${host}:${String(to.port)}`,
    ...options({
      // Nobody is there to answer a question, and a forward that is not there is no tunnel.
      BatchMode: 'yes',
      ExitOnForwardFailure: 'yes',
      // A connection of our own, that ends when we end it, and not a guest of one the user has open.
      ControlMaster: 'no',
      ControlPath: 'none',
      ConnectTimeout: '10',
      ServerAliveInterval: '15',
      ServerAliveCountMax: '3',
    }),
    '--',
    target,
  ];
}

function options(named: { readonly [name: string]: string }): string[] {
  return Object.entries(named).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
