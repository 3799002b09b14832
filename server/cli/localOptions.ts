/** The options that say what a local cluster is made of. */
import path from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { LocalLauncher } from '../../runtime/model.ts';
import { localLaunchers } from '../../runtime/model.ts';
import type { LocalClusterSpec } from '../protocol/connection.ts';

export type LocalOptions = {
  readonly project?: string;
  readonly launcher?: LocalLauncher;
  readonly nodeName?: string;
  readonly env?: { readonly [name: string]: string };
  readonly application?: readonly string[];
  readonly netTicktime?: number;
  readonly overlap?: 'prevent' | 'allow';
};

const mostTicktimeSeconds = 3_600;

/** Adds them to a command. */
export function addLocalOptions(command: Command): Command {
  return addProjectOption(command.optionsGroup('A local cluster:'))
    .addOption(
      new Option('--launcher <program>', 'how nodes are started; default: by what stands in the folder').choices(
        localLaunchers,
      ),
    )
    .option('--node-name <base>', 'nodes are BASE1@127.0.0.1, BASE2@127.0.0.1 …; default: from the folder’s name')
    .addOption(
      new Option('--env <name=value>', 'environment of the nodes; {n} is the node’s number: PORT=400{n}').argParser(
        oneMoreVariable,
      ),
    )
    .addOption(new Option('--application <name>', 'started on plain Erlang nodes').argParser(oneMoreName))
    .addOption(new Option('--net-ticktime <seconds>', 'default: OTP’s, 60').argParser(ticktime))
    .addOption(
      new Option(
        '--overlap <mode>',
        'whether OTP closes more links until partitions do not overlap; default: OTP’s, prevent from OTP 25',
      ).choices(['prevent', 'allow']),
    );
}

/** The option that names the project, by which a running cluster is found. */
export function addProjectOption(command: Command): Command {
  return command.option('--project <dir>', 'of a local cluster; without it, plain Erlang nodes');
}

/** Which of them were given, by name. */
export function givenLocal(options: LocalOptions): readonly string[] {
  const names = ['project', 'launcher', 'nodeName', 'env', 'application', 'netTicktime', 'overlap'] as const;
  return names.filter((name) => options[name] !== undefined);
}

/** The project's folder as an absolute path; null without one. */
export function projectOf({ project }: LocalOptions): string | null {
  return project === undefined ? null : path.resolve(project);
}

/** What the options mean. */
export function localSpec(options: LocalOptions & { readonly nodes?: number }): LocalClusterSpec {
  const { launcher, nodes, nodeName, env, application, netTicktime, overlap } = options;
  const project = projectOf(options);
  return {
    kind: 'local-cluster',
    ...(project !== null && { project }),
    ...(launcher !== undefined && { launcher }),
    ...(nodes !== undefined && { nodes }),
    ...(nodeName !== undefined && { baseName: nodeName }),
    ...(env !== undefined && { env }),
    ...(application !== undefined && { applications: application }),
    ...(netTicktime !== undefined && { netTicktimeSeconds: netTicktime }),
    ...(overlap !== undefined && { preventOverlappingPartitions: overlap === 'prevent' }),
  };
}

function oneMoreVariable(
  text: string,
  before: { readonly [name: string]: string } | undefined,
): { readonly [name: string]: string } {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It is NAME=VALUE.');
  return { ...before, [name]: value };
}

function oneMoreName(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!/^[a-z]\w*$/.test(text)) throw new InvalidArgumentError('It is the name of an application.');
  return [...(before ?? []), text];
}

function ticktime(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 1 || seconds > mostTicktimeSeconds) {
    throw new InvalidArgumentError(`It is a whole number from 1 to ${mostTicktimeSeconds}.`);
  }
  return seconds;
}
