/** The options that say how a node is reached, when not by its name and the EPMD of its host. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { ConnectSpec, TlsFiles } from '../protocol/connection.ts';
import { parseHostAndPort, parsePort } from '../protocol/hostAndPort.ts';

type HostAndPort = { readonly host: string; readonly port: number };

export type ReachOptions = {
  readonly address?: HostAndPort;
  readonly epmd?: { readonly host?: string; readonly port: number };
  readonly erlEpmdPort?: number;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServername?: string;
  /** False when `--no-tls-verify` was given; commander makes it true otherwise. */
  readonly tlsVerify?: boolean;
  readonly ssh?: string;
};

type Reach = Pick<Extract<ConnectSpec, { readonly kind: 'beam' }>, 'address' | 'epmd' | 'erlEpmdPort' | 'tls' | 'ssh'>;

/** Adds them to a command. Keys are named by file: an argument is seen by every user of the machine. */
export function addReachOptions(command: Command): Command {
  return command
    .optionsGroup('How its nodes are reached:')
    .addOption(new Option('--address <host:port>', 'of a node that is in no EPMD').argParser(hostAndPort))
    .addOption(
      new Option(
        '--epmd <host:port>',
        'where EPMD listens, or only its port; default: ERL_EPMD_PORT, else 4369',
      ).argParser(epmdPlace),
    )
    .addOption(
      new Option('--erl-epmd-port <port>', 'of every node, where there is no EPMD (as -erl_epmd_port)').argParser(
        portOf,
      ),
    )
    .option('--tls', 'the nodes use TLS distribution')
    .option('--tls-ca <file>', 'who may vouch for the nodes (PEM)')
    .option('--tls-cert <file>', 'our own certificate, for nodes that demand one (PEM)')
    .option('--tls-key <file>', 'its key (PEM, not encrypted)')
    .option('--tls-servername <name>', 'in the nodes’ certificates; default: the host part of each node’s name')
    .option('--no-tls-verify', 'take whoever answers: whoever stands between can read and change everything')
    .option('--ssh <target>', 'reach nodes and EPMD through your ssh: user@host, or a host of its configuration');
}

/** Which of them were given, by name. */
export function givenReach(options: ReachOptions): readonly string[] {
  const given = (['address', 'epmd', 'erlEpmdPort', 'ssh'] as const).filter((name) => options[name] !== undefined);
  return [...given, ...givenTls(options)];
}

function givenTls(options: ReachOptions): readonly string[] {
  const files = (['tlsCa', 'tlsCert', 'tlsKey', 'tlsServername'] as const).filter(
    (name) => options[name] !== undefined,
  );
  return [...(options.tls === true ? ['tls'] : []), ...files, ...(options.tlsVerify === false ? ['tlsVerify'] : [])];
}

/** What they say together, or how they contradict each other. */
export function reachOf(
  options: ReachOptions,
):
  | { readonly is: 'reach'; readonly reach: Reach }
  | { readonly is: 'usage'; readonly message: string; readonly remedy: string } {
  const { address, epmd, erlEpmdPort, ssh } = options;
  if (erlEpmdPort !== undefined && epmd !== undefined) {
    return { is: 'usage', message: 'With --erl-epmd-port there is no EPMD.', remedy: 'Leave out one of them.' };
  }
  const tls = tlsOf(options);
  if (tls === 'without') {
    return {
      is: 'usage',
      message: 'There are options for TLS, but not --tls itself.',
      remedy: 'Add --tls, or leave them out.',
    };
  }
  return {
    is: 'reach',
    reach: {
      ...(address !== undefined && { address }),
      ...(epmd !== undefined && { epmd }),
      ...(erlEpmdPort !== undefined && { erlEpmdPort }),
      ...(tls !== null && { tls }),
      ...(ssh !== undefined && { ssh: { target: ssh } }),
    },
  };
}

function tlsOf(options: ReachOptions): TlsFiles | null | 'without' {
  if (givenTls(options).length === 0) return null;
  if (options.tls !== true) return 'without';
  const { tlsCa, tlsCert, tlsKey, tlsServername, tlsVerify } = options;
  return {
    ...(tlsCa !== undefined && { caFile: tlsCa }),
    ...(tlsCert !== undefined && { certFile: tlsCert }),
    ...(tlsKey !== undefined && { keyFile: tlsKey }),
    ...(tlsServername !== undefined && { servername: tlsServername }),
    ...(tlsVerify === false && { verify: 'none' as const }),
  };
}

function hostAndPort(text: string): HostAndPort {
  const parsed = parseHostAndPort(text);
  if (parsed === null) throw new InvalidArgumentError('It is HOST:PORT.');
  return parsed;
}

function portOf(text: string): number {
  const port = parsePort(text);
  if (port === null) throw new InvalidArgumentError('It is a port.');
  return port;
}

function epmdPlace(text: string): { readonly host?: string; readonly port: number } {
  return /^\d+$/.test(text) ? { port: portOf(text) } : hostAndPort(text);
}
