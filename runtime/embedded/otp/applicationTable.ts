/**
 * The applications of a node (the table `ac_tab` of kernel's application_controller): those that could be loaded, those that are, their
 * environments, and those that run. Only the controller changes it; any process of the node may read it.
 */
import type { Pid, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import type { From } from './gen.ts';
import { chars } from './text.ts';

/** An application resource file (`Name.app`). */
export type Application = {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly id?: string;
  /** `mod`: it is started by `Module:start(normal, Argument)`. Without it there is nothing to run, as for a library. */
  readonly start?: { readonly module: string; readonly argument: Value };
  /** Those that must be started before it. */
  readonly applications?: readonly string[];
  /** Those of `applications` that may be missing. */
  readonly optionalApplications?: readonly string[];
  readonly includedApplications?: readonly string[];
  readonly env?: { readonly [key: string]: Value };
  readonly registered?: readonly string[];
  readonly modules?: readonly string[];
  /** Called one after the other with `Module:start_phase(Phase, normal, Argument)` once its supervisor runs. */
  readonly startPhases?: readonly { readonly phase: string; readonly argument: Value }[];
  /** `maxT`: it is stopped after so many milliseconds. */
  readonly maxTimeMs?: number;
};
/** What the end of an application means: of a permanent one it ends the node, of a transient one when it is no normal one. */
export type StartType = 'permanent' | 'transient' | 'temporary';

export type Running = {
  readonly application: Application;
  /** Null for what has nothing to run. */
  readonly master: Pid | null;
  root: Pid | null;
};
/** An application that is being started, and who waits for it. */
export type Starting = { readonly type: StartType; readonly waiting: From[] };

export class Applications {
  /** What there is to be loaded: the resource files of the node. */
  readonly known: readonly Application[];
  readonly loaded = new Map<string, Application>();
  readonly env = new Map<string, Map<string, Value>>();
  /** Set before an application is loaded, as by a configuration file, and kept when it is unloaded. */
  readonly config = new Map<string, Map<string, Value>>();
  readonly starting = new Map<string, Starting>();
  /** In the order in which they started. */
  readonly running = new Map<string, Running>();
  readonly started = new Map<string, StartType>();
  /** Why one that was started does not run: the reason of a start that failed, or of an end that was neither asked for nor normal. */
  readonly failed = new Map<string, Value>();

  constructor(known: readonly Application[]) {
    this.known = known;
  }

  /** Loads an application and those included in it; null when it is loaded already. */
  load(application: Application): string | null {
    if (this.loaded.has(application.name)) return null;
    const env = new Map(Object.entries(application.env ?? {}));
    for (const [key, value] of this.config.get(application.name) ?? []) env.set(key, value);
    // What was set before it was loaded stays.
    for (const [key, value] of this.env.get(application.name) ?? []) if (!env.has(key)) env.set(key, value);
    this.env.set(application.name, env);
    this.loaded.set(application.name, application);
    for (const name of application.includedApplications ?? []) {
      const included = this.known.find((one) => one.name === name);
      if (included !== undefined) this.load(included);
    }
    return application.name;
  }
  unload(name: string): void {
    const application = this.loaded.get(name);
    this.loaded.delete(name);
    this.env.delete(name);
    for (const included of application?.includedApplications ?? []) this.unload(included);
  }

  setEnv(name: string, key: string, value: Value, persistent: boolean): void {
    put(this.env, name, key, value);
    if (persistent) put(this.config, name, key, value);
  }
  unsetEnv(name: string, key: string, persistent: boolean): void {
    this.env.get(name)?.delete(key);
    if (persistent) this.config.get(name)?.delete(key);
  }

  /** Takes over another resource of a loaded application, and what its configuration says now. */
  reload(application: Application): void {
    this.env.delete(application.name);
    this.loaded.delete(application.name);
    this.load(application);
  }

  /** The application whose master this is. */
  ofMaster(master: Pid): string | null {
    for (const [name, running] of this.running) if (running.master === master) return name;
    return null;
  }
}

function put(table: Map<string, Map<string, Value>>, name: string, key: string, value: Value): void {
  const env = table.get(name) ?? new Map<string, Value>();
  env.set(key, value);
  table.set(name, env);
}

const tables = new WeakMap<object, Applications>();

/** The applications of the node of this process. */
export function applicationsOf(self: Self): Applications {
  return tables.get(self.home) ?? new Applications([]);
}
export function useApplications(self: Self, applications: Applications): void {
  tables.set(self.home, applications);
}

/** `{Name, Description, Version}` */
export function rowOf({ name, description, version }: Application): Value {
  return tup(a(name), chars(description), chars(version));
}

/** `mod` as it stands in a resource file; `[]` where there is nothing to start. */
export function modOf({ start }: Application): Value {
  return start === undefined ? [] : tup(a(start.module), start.argument);
}

/** `application:get_key/2`, of a loaded application; undefined for a key that is none. */
export function keyOf(
  applications: Applications,
  application: Application,
  key: string,
): { readonly is: Value } | null {
  const values = keysOf(applications, application);
  return key in values ? { is: values[key] } : null;
}

/** `application:get_all_key/1`, in OTP's order. */
export function keysOf(applications: Applications, application: Application): { readonly [key: string]: Value } {
  const atomsOf = (names: readonly string[] = []): Value => names.map((name) => a(name));
  const env = [...(applications.env.get(application.name) ?? [])].map(([key, value]) => tup(a(key), value));
  return {
    description: chars(application.description),
    id: chars(application.id ?? ''),
    vsn: chars(application.version),
    modules: atomsOf(application.modules),
    maxP: a('infinity'),
    maxT: application.maxTimeMs ?? a('infinity'),
    registered: atomsOf(application.registered),
    included_applications: atomsOf(application.includedApplications),
    optional_applications: atomsOf(application.optionalApplications),
    applications: atomsOf(application.applications),
    env,
    mod: modOf(application),
    start_phases: application.startPhases?.map(({ phase, argument }) => tup(a(phase), argument)),
  };
}
