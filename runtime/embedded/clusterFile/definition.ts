/** A cluster as a user describes it, and the check of what a file has given. */
import { failure } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { NetworkFault } from '../../network/networkFault.ts';
import { checkedFault } from '../../network/networkFault.ts';
import type { Value } from '../../term/values.ts';
import type { HordeMode } from '../horde/modules.ts';
import type { CodeModule } from '../kernel/module.ts';
import { checkSurroundings } from './surroundings.ts';
import type { SurroundingsDefinition } from './surroundings.ts';

/** A fault that comes by itself, in the cluster's own time after its start. */
export type ScheduledFault = {
  readonly atMs: number;
  /** How long it lasts; left out, it stays. */
  readonly forMs?: number;
} & (
  | { readonly fault: NetworkFault }
  | { readonly hang: string }
  /** With `forMs` it starts again after that. */
  | { readonly crash: string }
  /** What is around the nodes becomes otherwise, as far as this says. */
  | { readonly surroundings: SurroundingsDefinition }
);

export type ClusterDefinition = {
  /** `name@host` each, or how many (`node1@sim`, …). */
  readonly nodes: readonly string[] | number;
  readonly modules: readonly CodeModule[];
  readonly applications?: readonly {
    readonly name: string;
    readonly description?: string;
    readonly version?: string;
    /** Its start function's module: `Module:start(normal, Argument)`; a supervisor's does. */
    readonly module: string | CodeModule;
    readonly argument?: Value;
    /** Only on these nodes; on all unless said. */
    readonly nodes?: readonly string[];
  }[];
  readonly network?: {
    /** One-way delay between nodes, drawn evenly; 0.3 to 1.5 ms unless said. */
    readonly latencyMs?: { readonly min: number; readonly max: number };
    /** 60 unless said, as OTP's net_ticktime. */
    readonly netTicktimeSeconds?: number;
    /** Whether the nodes connect to all others when they start; `full` unless said. */
    readonly mesh?: 'full' | 'none';
  };
  /** `faithful`: as real Horde behaves, surprises included; `ideal`: as one might wish. `faithful` unless said. */
  readonly horde?: HordeMode;
  /** What libcluster's strategies find around the nodes: nothing but multicast unless said. */
  readonly surroundings?: SurroundingsDefinition;
  readonly faults?: readonly ScheduledFault[];
  readonly seed?: number;
};

/** Describes a cluster; its file exports it as `default`. */
export function defineCluster(definition: ClusterDefinition): ClusterDefinition {
  return definition;
}

/** A definition without gaps. */
export type CheckedDefinition = {
  readonly nodes: readonly string[];
  readonly modules: readonly CodeModule[];
  readonly applications: readonly {
    readonly name: string;
    readonly description: string;
    readonly version: string;
    readonly module: string;
    readonly argument: Value;
    /** `all`: also on those that are added later. */
    readonly nodes: readonly string[] | 'all';
  }[];
  readonly network: {
    readonly latencyMs: { readonly min: number; readonly max: number };
    readonly netTicktimeMs: number;
    readonly mesh: 'full' | 'none';
  };
  readonly horde: HordeMode;
  readonly surroundings?: SurroundingsDefinition;
  readonly faults: readonly ScheduledFault[];
  readonly seed: number | null;
};

const mostNodes = 50;
const nodeName = /^[A-Za-z0-9_-]{1,64}@[A-Za-z0-9_.-]{1,180}$/;
const defaults = { latencyMs: { min: 0.3, max: 1.5 }, netTicktimeSeconds: 60 } as const;

/**
 * Checks what a file exported, all of it at once. Errors: `cluster_file.invalid`, whose `details.problems` say where (JSON pointer) and
 * what.
 */
export function checkDefinition(given: unknown): Result<CheckedDefinition> {
  const check = new Check();
  const checked = check.definition(given);
  if (checked !== null && check.problems.length === 0) return ok(checked);
  const [first] = check.problems;
  return failure(
    'validation',
    'cluster_file.invalid',
    `The cluster file is not valid: ${check.problems.map(({ pointer, message }) => `${pointer || '/'} ${message}`).join('; ')}`,
    'Mend what is named; docs/simulated.md describes the file.',
    {
      ...(first !== undefined && { pointer: first.pointer }),
      details: { problems: check.problems.map(({ pointer, message }) => ({ pointer, message })) },
    },
  );
}

type Fields = { readonly [key: string]: unknown };

class Check {
  readonly problems: { readonly pointer: string; readonly message: string }[] = [];

  definition(given: unknown): CheckedDefinition | null {
    const known = ['nodes', 'modules', 'applications', 'network', 'horde', 'surroundings', 'faults', 'seed'];
    const fields = this.fields(given, '', known);
    if (fields === null) return null;
    const nodes = this.nodes(fields['nodes']);
    const modules = this.modules(fields['modules'] ?? []);
    const { horde = 'faithful' } = fields;
    if (horde !== 'faithful' && horde !== 'ideal') this.problem('/horde', 'is faithful or ideal.');
    const seed = fields['seed'] === undefined ? null : this.number(fields['seed'], '/seed', 0, 0xffffffff);
    return {
      nodes,
      modules,
      horde: horde === 'ideal' ? 'ideal' : 'faithful',
      applications: this.applications(fields['applications'] ?? [], nodes, modules),
      network: this.network(fields['network'] ?? {}),
      ...(fields['surroundings'] !== undefined && { surroundings: this.surroundings(fields['surroundings'], '') }),
      faults: this.faults(fields['faults'] ?? [], nodes),
      seed,
    };
  }

  private problem(pointer: string, message: string): null {
    this.problems.push({ pointer, message });
    return null;
  }

  private fields(value: unknown, pointer: string, known: readonly string[]): Fields | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.problem(pointer, 'is no object.');
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) this.problem(`${pointer}/${key}`, `is not known here; there is ${known.join(', ')}.`);
    }
    return Object.fromEntries(Object.entries(value));
  }

  private number(value: unknown, pointer: string, least: number, most: number): number {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    this.problem(pointer, `is not a number from ${least} to ${most}.`);
    return least;
  }

  private list(value: unknown, pointer: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.problem(pointer, 'is no list.');
    return [];
  }

  private nodes(value: unknown): readonly string[] {
    if (typeof value === 'number') {
      const count = Math.trunc(this.number(value, '/nodes', 1, mostNodes));
      return Array.from({ length: count }, (_, at) => `node${at + 1}@sim`);
    }
    const names = this.list(value, '/nodes');
    if (names.length < 1 || names.length > mostNodes) this.problem('/nodes', `are 1 to ${mostNodes}.`);
    if (new Set(names).size < names.length) this.problem('/nodes', 'name one twice.');
    return names.flatMap((name, at) => {
      if (typeof name === 'string' && nodeName.test(name)) return [name];
      this.problem(`/nodes/${at}`, 'is no node name (name@host).');
      return [];
    });
  }

  private modules(value: unknown): readonly CodeModule[] {
    const seen = new Set<string>();
    return this.list(value, '/modules').flatMap((module, at) => {
      if (!isCodeModule(module)) {
        this.problem(`/modules/${at}`, 'is no module: make it with genServer, supervisor or codeModule.');
        return [];
      }
      if (seen.has(module.name)) this.problem(`/modules/${at}`, `is named ${module.name}, as another one is.`);
      seen.add(module.name);
      return [module];
    });
  }

  private applications(
    value: unknown,
    nodes: readonly string[],
    modules: readonly CodeModule[],
  ): CheckedDefinition['applications'] {
    return this.list(value, '/applications').flatMap((one, at) => {
      const pointer = `/applications/${at}`;
      const fields = this.fields(one, pointer, ['name', 'description', 'version', 'module', 'argument', 'nodes']);
      if (fields === null) return [];
      const { name, description = '', version = '0', module, argument, nodes: on = [] } = fields;
      const moduleName = isCodeModule(module) ? module.name : module;
      if (typeof name !== 'string' || !/^[a-z][a-z0-9_]{0,100}$/.test(name)) {
        this.problem(`${pointer}/name`, 'is no application name (small letters, digits and _).');
        return [];
      }
      const loaded = modules.find((known) => known.name === moduleName);
      if (typeof moduleName !== 'string' || loaded?.functions['start/2'] === undefined) {
        this.problem(`${pointer}/module`, 'is no module of this file with start/2; a supervisor has it.');
        return [];
      }
      const where = this.list(on, `${pointer}/nodes`).filter((node) => typeof node === 'string');
      for (const node of where)
        if (!nodes.includes(node)) this.problem(`${pointer}/nodes`, `name ${node}, which is none.`);
      return [
        {
          name,
          description: String(description),
          version: String(version),
          module: moduleName,
          argument: isValue(argument) ? (argument ?? []) : [],
          nodes: fields['nodes'] === undefined ? 'all' : where,
        },
      ];
    });
  }

  private network(value: unknown): CheckedDefinition['network'] {
    const fields = this.fields(value, '/network', ['latencyMs', 'netTicktimeSeconds', 'mesh']) ?? {};
    const { latencyMs = defaults.latencyMs, netTicktimeSeconds = defaults.netTicktimeSeconds, mesh = 'full' } = fields;
    const latency = this.fields(latencyMs, '/network/latencyMs', ['min', 'max']) ?? {};
    const min = this.number(latency['min'], '/network/latencyMs/min', 0, 60_000);
    if (mesh !== 'full' && mesh !== 'none') this.problem('/network/mesh', 'is full or none.');
    return {
      latencyMs: { min, max: this.number(latency['max'], '/network/latencyMs/max', min, 60_000) },
      netTicktimeMs: this.number(netTicktimeSeconds, '/network/netTicktimeSeconds', 1, 3600) * 1000,
      mesh: mesh === 'none' ? 'none' : 'full',
    };
  }

  private surroundings(value: unknown, pointer: string): SurroundingsDefinition {
    return checkSurroundings(value, `${pointer}/surroundings`, (at, message) => this.problem(at, message));
  }

  private faults(value: unknown, nodes: readonly string[]): readonly ScheduledFault[] {
    return this.list(value, '/faults').flatMap((one, at): readonly ScheduledFault[] => {
      const pointer = `/faults/${at}`;
      const fields = this.fields(one, pointer, ['atMs', 'forMs', 'fault', 'hang', 'crash', 'surroundings']);
      if (fields === null) return [];
      const atMs = this.number(fields['atMs'], `${pointer}/atMs`, 0, 86_400_000);
      const when = {
        atMs,
        ...(fields['forMs'] !== undefined && {
          forMs: this.number(fields['forMs'], `${pointer}/forMs`, 1, 86_400_000),
        }),
      };
      const { hang, crash, fault, surroundings } = fields;
      if ([hang, crash, fault, surroundings].filter((what) => what !== undefined).length !== 1) {
        this.problem(pointer, 'has not exactly one of fault, hang, crash and surroundings.');
        return [];
      }
      if (surroundings !== undefined) return [{ ...when, surroundings: this.surroundings(surroundings, pointer) }];
      for (const [key, node] of Object.entries({ hang, crash })) {
        if (node !== undefined && (typeof node !== 'string' || !nodes.includes(node))) {
          this.problem(`${pointer}/${key}`, 'is no node of this file.');
        }
      }
      if (typeof hang === 'string') return [{ ...when, hang }];
      if (typeof crash === 'string') return [{ ...when, crash }];
      if (!isNetworkFault(fault)) {
        this.problem(`${pointer}/fault`, 'is none: partition, delay or drop with their fields.');
        return [];
      }
      const checked = checkedFault(fault, (node) => nodes.includes(node));
      if (!checked.ok) this.problem(`${pointer}/fault`, checked.error.message);
      return [{ ...when, fault }];
    });
  }
}

function isCodeModule(value: unknown): value is CodeModule {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('functions' in value)) return false;
  const { name, functions } = value;
  if (typeof name !== 'string' || name.length === 0 || name.length > 255) return false;
  return (
    typeof functions === 'object' &&
    functions !== null &&
    Object.entries(functions).every(([key, run]) => /^.+\/\d{1,3}$/.test(key) && typeof run === 'function')
  );
}

function isValue(_value: unknown): _value is Value {
  return true;
}

function isNetworkFault(value: unknown): value is NetworkFault {
  if (typeof value !== 'object' || value === null || !('is' in value)) return false;
  const has = (key: string, type: string): boolean => typeof Reflect.get(value, key) === type;
  switch (value.is) {
    case 'partition': {
      const islands: unknown = Reflect.get(value, 'islands');
      const mode: unknown = Reflect.get(value, 'mode');
      return (
        (mode === 'cut' || mode === 'blackhole') &&
        Array.isArray(islands) &&
        islands.every((island) => Array.isArray(island) && island.every((node) => typeof node === 'string'))
      );
    }
    case 'delay':
      return has('from', 'string') && has('to', 'string') && has('delayMs', 'number') && has('jitterMs', 'number');
    case 'drop': {
      const limit: unknown = Reflect.get(value, 'bytesPerSecond');
      const isLimit = limit === null || typeof limit === 'number';
      return has('from', 'string') && has('to', 'string') && has('lossRatio', 'number') && isLimit;
    }
    default:
      return false;
  }
}
