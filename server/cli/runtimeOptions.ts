/** The options that say which system a command works on, and how they become a connection. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Result } from '../../runtime/model.ts';
import type { ConnectSpec } from '../protocol/connection.ts';

export const runtimeKinds = ['simulated', 'local-cluster', 'beam', 'gateway'] as const;

export type RuntimeOptions = {
  readonly runtime?: (typeof runtimeKinds)[number];
  readonly nodes?: number;
  readonly seed?: number;
  readonly connect?: string;
  readonly cookieFile?: string;
  readonly address?: { readonly host: string; readonly port: number };
  readonly allowWrites?: boolean;
  readonly home?: string;
};

/** Adds the runtime options to a command. There is none for a cookie: an argument is seen by every user of the machine. */
export function addRuntimeOptions(command: Command): Command {
  return command
    .addOption(new Option('--runtime <kind>', 'which kind of system').choices(runtimeKinds))
    .addOption(new Option('--nodes <n>', 'nodes of the simulated cluster').argParser(wholeNumber(1, 50)))
    .addOption(new Option('--seed <n>', 'seed of the simulated cluster').argParser(wholeNumber(0, 0xffffffff)))
    .option('--connect <node>', 'name of a running node, e.g. shop@localhost')
    .option('--cookie-file <file>', 'where the cookie stands; default: where OTP keeps it')
    .addOption(new Option('--address <host:port>', 'of a node that is in no EPMD').argParser(hostAndPort))
    .option('--allow-writes', 'allow operations that change a running system')
    .option(
      '--home <dir>',
      'where audit log and history are kept; default: ARSENAL_HOME, else the user’s state folder',
    );
}

/** Parses a whole number between two bounds, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,10}$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It is a whole number from ${String(least)} to ${String(most)}.`);
    }
    return value;
  };
}

function hostAndPort(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError('It is HOST:PORT.');
  }
  return { host, port: Number(port) };
}

export type Connecting =
  | { readonly is: 'spec'; readonly spec: ConnectSpec }
  /** The options contradict each other. */
  | { readonly is: 'usage'; readonly message: string; readonly remedy: string };

/** What the options mean. `ERL_EPMD_PORT` is heeded as OTP's own programs do. */
export function connectSpec(
  options: RuntimeOptions,
  env: { readonly [name: string]: string | undefined },
): Result<Connecting> {
  const kind = options.runtime ?? (options.connect === undefined ? 'simulated' : 'beam');
  if (kind === 'local-cluster' || kind === 'gateway') {
    return failure(
      'unsupported',
      'connect.unsupported_kind',
      `This version cannot open a ${kind}.`,
      kind === 'gateway'
        ? 'Run operations on another gateway with `arsenal run OPERATION --url URL`.'
        : 'Start the nodes yourself and use --connect NODE.',
    );
  }
  if (kind === 'simulated') {
    const foreign = (['connect', 'cookieFile', 'address'] as const).filter((name) => options[name] !== undefined);
    if (foreign.length > 0)
      return usage('A simulated cluster has no node to connect to.', 'Leave out --runtime simulated.');
    return ok({
      is: 'spec',
      spec: {
        kind,
        ...(options.nodes !== undefined && { nodes: options.nodes }),
        ...(options.seed !== undefined && { seed: options.seed }),
      },
    });
  }
  if (options.connect === undefined) return usage('No node is named.', 'Name it: --connect NODE.');
  if (options.nodes !== undefined || options.seed !== undefined) {
    return usage('--nodes and --seed are of the simulated cluster.', 'Leave them out beside --connect.');
  }
  const epmdPort = Number(env['ERL_EPMD_PORT'] ?? '');
  return ok({
    is: 'spec',
    spec: {
      kind,
      node: options.connect,
      cookie: options.cookieFile === undefined ? { from: 'default' } : { from: 'file', path: options.cookieFile },
      ...(options.address !== undefined && { address: options.address }),
      ...(Number.isInteger(epmdPort) && epmdPort > 0 && { epmd: { port: epmdPort } }),
    },
  });
}

function usage(message: string, remedy: string): Result<Connecting> {
  return ok({ is: 'usage', message, remedy });
}
