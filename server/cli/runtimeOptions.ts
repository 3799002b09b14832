/** The options that say which system a command works on, and how they become a connection. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { failure } from '../../runtime/errors.ts';
import { agentChoices, ok } from '../../runtime/model.ts';
import type { AgentChoice, Result } from '../../runtime/model.ts';
import type { ConnectSpec } from '../protocol/connection.ts';
import type { LocalOptions } from './localOptions.ts';
import { addLocalOptions, givenLocal, localSpec } from './localOptions.ts';
import { addReachOptions, givenReach, reachOf } from './reachOptions.ts';
import type { ReachOptions } from './reachOptions.ts';

export const runtimeKinds = ['simulated', 'local-cluster', 'beam', 'gateway'] as const;

export type RuntimeOptions = ReachOptions &
  LocalOptions & {
    readonly runtime?: (typeof runtimeKinds)[number];
    readonly nodes?: number;
    readonly seed?: number;
    readonly clusterFile?: string;
    readonly connect?: string;
    readonly cookieFile?: string;
    readonly agent?: AgentChoice;
    readonly allowWrites?: boolean;
    readonly home?: string;
    readonly workspace?: string | false;
    readonly policy?: string;
    readonly trustOperation?: readonly string[];
  };

/** Adds the runtime options to a command. There is none for a cookie: an argument is seen by every user of the machine. */
export function addRuntimeOptions(command: Command): Command {
  command
    .optionsGroup('Which system:')
    .addOption(new Option('--runtime <kind>', 'which kind of system').choices(runtimeKinds))
    .addOption(new Option('--nodes <n>', 'nodes of a simulated or local cluster').argParser(wholeNumber(1, 50)))
    .addOption(
      new Option('--seed <n>', 'a deterministic simulated cluster: the same seed and calls, the same run').argParser(
        wholeNumber(0, 0xffffffff),
      ),
    )
    .option('--cluster-file <file>', 'what a simulated cluster runs: arsenal.cluster.ts or .json; default: the demo')
    .option('--connect <node>', 'name of a running node, e.g. shop@localhost')
    .option('--cookie-file <file>', 'where the cookie stands; default: where OTP keeps it');
  return addLocalOptions(addReachOptions(command))
    .optionsGroup('What may be done, and where it is kept:')
    .addOption(
      new Option(
        '--agent <what>',
        'what may be kept on nodes: load (code and processes of ours), interpret (processes, no code), none; default: load',
      ).choices(agentChoices),
    )
    .option('--allow-writes', 'allow operations that change a running system')
    .option('--workspace <dir>', 'whose arsenal/operations are operations, too; default: this folder')
    .option('--no-workspace', 'no operations but Arsenal’s own, and the nodes’')
    .option('--policy <file>', 'roles, rates and trust to obey beside policy.json of the home; the narrower holds')
    .option('--trust-operation <name...>', 'operations of the nodes’ own that do no more than they say')
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

export type Connecting =
  | { readonly is: 'spec'; readonly spec: ConnectSpec }
  /** The options contradict each other. */
  | { readonly is: 'usage'; readonly message: string; readonly remedy: string };

/** What the options mean. */
export function connectSpec(options: RuntimeOptions): Result<Connecting> {
  const kind = options.runtime ?? (options.connect === undefined ? 'simulated' : 'beam');
  if (kind === 'gateway') {
    return failure(
      'unsupported',
      'connect.unsupported_kind',
      `This version cannot open a ${kind}.`,
      'Run operations on another gateway with `arsenal run OPERATION --url URL`.',
    );
  }
  if (kind === 'local-cluster') {
    if (givenNode(options)) return usage('A local cluster is started, not joined by name.', 'Leave out --connect.');
    if (options.seed !== undefined) return usage('--seed is of the simulated cluster.', 'Leave it out.');
    return ok({ is: 'spec', spec: localSpec(options) });
  }
  if (givenLocal(options).length > 0) {
    return usage('These options are of a local cluster.', 'Add --runtime local-cluster.');
  }
  if (kind === 'simulated') {
    if (givenNode(options))
      return usage('A simulated cluster has no node to connect to.', 'Leave out --runtime simulated.');
    return ok({
      is: 'spec',
      spec: {
        kind,
        ...(options.nodes !== undefined && { nodes: options.nodes }),
        ...(options.clusterFile !== undefined && { clusterFile: options.clusterFile }),
        // A seed is given for a run that can be had again.
        ...(options.seed !== undefined && { seed: options.seed, time: 'deterministic' }),
      },
    });
  }
  if (options.connect === undefined) return usage('No node is named.', 'Name it: --connect NODE.');
  if (options.nodes !== undefined || options.seed !== undefined) {
    return usage('--nodes and --seed are of the simulated cluster.', 'Leave them out beside --connect.');
  }
  const reach = reachOf(options);
  if (reach.is === 'usage') return usage(reach.message, reach.remedy);
  return ok({
    is: 'spec',
    spec: {
      kind,
      node: options.connect,
      cookie: options.cookieFile === undefined ? { from: 'default' } : { from: 'file', path: options.cookieFile },
      ...reach.reach,
      ...(options.agent !== undefined && { agent: options.agent }),
    },
  });
}

/** Whether the options mean nodes that have modules of their own. */
export function namesNodes(options: RuntimeOptions): boolean {
  return options.connect !== undefined || options.runtime === 'beam' || options.runtime === 'local-cluster';
}

/** Whether the options say which system is meant. */
export function namesSystem(options: RuntimeOptions): boolean {
  const { runtime, nodes, seed, clusterFile } = options;
  const ofSimulated = [runtime, nodes, seed, clusterFile].some((given) => given !== undefined);
  return ofSimulated || givenNode(options) || givenLocal(options).length > 0 || options.connect !== undefined;
}

/** Whether an option says which node to join, or how. */
function givenNode(options: RuntimeOptions): boolean {
  const named = (['connect', 'cookieFile', 'agent'] as const).filter((name) => options[name] !== undefined);
  return named.length + givenReach(options).length > 0;
}

function usage(message: string, remedy: string): Result<Connecting> {
  return ok({ is: 'usage', message, remedy });
}
