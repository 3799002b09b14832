import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { methodNames } from '../../runtime/port.ts';
import type { House } from '../backend/testKit.ts';
import { fakeShop, houseOn } from '../backend/testKit.ts';
import { isJson, isJsonObject } from '../core/plainData.ts';
import { checkOperation } from '../core/registration.ts';
import { ownRoutes } from '../core/routes.ts';
import { errorOf } from '../core/testKit.ts';
import { accessLevels } from '../protocol/connection.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { roles } from '../protocol/operation.ts';
import { ScanStore } from '../services/scans.ts';
import { TaskStore } from '../services/tasks/tasks.ts';
import { builtinOperations } from './catalogue.ts';
import { noBatches, noState, noUndoables } from './testKit.ts';

const nothing = { list: () => [], search: () => [], describe: () => null };
const builtins = builtinOperations({
  catalogue: nothing,
  scans: new ScanStore(),
  tasks: new TaskStore(),
  batches: noBatches,
  state: noState,
  undoables: noUndoables,
});

// @row T001.a1
// @row IV-01
describe('every operation of Arsenal', () => {
  it.each(builtins.map((operation) => [operation.name, operation] as const))('%s is sound', (_name, operation) => {
    expect(checkOperation(operation)).toMatchObject({ ok: true });
    expect(operation.examples.length).toBeGreaterThan(0);
  });

  it('has a route of its own, if it has one', () => {
    const routes = builtins.flatMap(({ route }) => (route === undefined ? [] : [`${route.method} ${route.path}`]));
    expect(new Set(routes).size).toBe(routes.length);
    // What stands below this is other people's.
    expect(builtins.filter(({ route }) => route?.path.startsWith(ownRoutes) === true)).toEqual([]);
  });

  it('is known by the name the seeds give it', () => {
    expect(builtins.map(({ name }) => name).toSorted()).toMatchInlineSnapshot(`
      [
        "add_child",
        "add_node",
        "analyze_deadlocks",
        "analyze_message_queue",
        "balance_cluster_load",
        "cancel_operation",
        "change_supervisor_strategy",
        "cluster_health",
        "cluster_supervision_trees",
        "cluster_topology",
        "compare_global_names",
        "connect_node",
        "crash_node",
        "create_sandbox",
        "delay_link",
        "delete_child",
        "describe_operation",
        "destroy_sandbox",
        "detect_bottlenecks",
        "disconnect_node",
        "discover_operations",
        "drop_link",
        "execute_batch",
        "export_scenario",
        "garbage_collect_process",
        "get_allocator_info",
        "get_memory_info",
        "get_process_info",
        "get_process_state",
        "get_process_tree",
        "get_scheduler_info",
        "get_supervisor_flags",
        "get_system_info",
        "get_time",
        "get_trace_results",
        "hang_node",
        "heal_cluster",
        "horde_registry_inspect",
        "horde_start_child",
        "horde_supervisor_inspect",
        "kill_process",
        "kill_processes",
        "list_applications",
        "list_crashes",
        "list_ets_tables",
        "list_groups",
        "list_holdings",
        "list_operations",
        "list_ports",
        "list_processes",
        "list_registered_processes",
        "list_sandboxes",
        "list_supervisors",
        "list_topologies",
        "list_traces",
        "load_operations",
        "memory_leak_detection",
        "migrate_process",
        "migrate_processes",
        "monitor_process",
        "node_info",
        "operation_history",
        "operation_stats",
        "partition_cluster",
        "pause_time",
        "profile_process",
        "release_holding",
        "reload_cluster_file",
        "remote_execute",
        "remove_node",
        "restart_child",
        "restart_frequency",
        "restart_node",
        "restart_process",
        "restart_supervisor",
        "resume_process",
        "resume_time",
        "search_operations",
        "send_message",
        "simulate_failure",
        "start_process",
        "start_supervisor",
        "step_time",
        "stop_supervisor",
        "stop_trace",
        "supervision_tree",
        "supervisor_stats",
        "suspend_process",
        "terminate_child",
        "trace_messages",
        "trace_process",
        "undo_operation",
        "which_children",
      ]
    `);
  });
});

// @row IV-15
// @row IV-20
describe('bad parameters', () => {
  let house: House;
  let runtime: FakeRuntime;
  beforeAll(async () => {
    runtime = fakeShop();
    house = await houseOn(runtime);
  });
  afterAll(() => house.close());

  it.each(builtins.map(({ name }) => name))('of %s are each a validation error with a pointer', async (name) => {
    const entry = house.backend.catalogue().find((known) => known.name === name);
    if (entry === undefined) throw new Error('not there');
    const before = methodNames().reduce((sum, method) => sum + runtime.calls(method), 0);
    const badOnes = fc.sample(badParams(entry), 300);
    for (const params of badOnes) {
      const error = errorOf(await house.run(name, {}, { params }));
      expect(error, JSON.stringify(params).slice(0, 300)).toMatchObject({ class: 'validation', effect: 'none' });
      expect(typeof error.pointer).toBe('string');
      expect(error.remedy).not.toBe('');
    }
    expect(methodNames().reduce((sum, method) => sum + runtime.calls(method), 0)).toBe(before);
  });
});

/** Parameters with at least one thing wrong that the schema says is wrong. */
function badParams(entry: CatalogueEntry): fc.Arbitrary<Json> {
  const properties = entry.params['properties'] ?? null;
  if (!isJsonObject(properties)) throw new Error('no properties');
  const good = entry.examples[0]?.params ?? {};
  const required = Array.isArray(entry.params['required']) ? entry.params['required'] : [];
  const withOne = (name: string, value: Json) => ({ ...good, [name]: value });
  const json: fc.Arbitrary<Json> = fc.jsonValue({ maxDepth: 2 }).filter((value) => isJson(value));
  const wrongs = [
    json.filter((value) => !isJsonObject(value)),
    fc
      .string({ minLength: 1, maxLength: 20 })
      .filter((name) => !Object.hasOwn(properties, name) && name !== '__proto__')
      .chain((name) => json.map((value) => withOne(name, value))),
    ...required.map((name) => fc.constant(Object.fromEntries(Object.entries(good).filter(([key]) => key !== name)))),
    ...Object.entries(properties).flatMap(([name, schema]) =>
      wrongValues(schema, json).map((value) => value.map((bad) => withOne(name, bad))),
    ),
  ];
  return fc.oneof(...wrongs);
}

/** Values a property must not have: of another type, too long, too large, too many. */
function wrongValues(schema: Json, json: fc.Arbitrary<Json>): readonly fc.Arbitrary<Json>[] {
  if (!isJsonObject(schema)) return [];
  const { type, maxLength, maximum, minimum, maxItems, anyOf } = schema;
  const ofOtherType = json.filter((value) => !fits(value, type));
  return [
    ...(type === undefined ? [] : [ofOtherType]),
    ...(anyOf === undefined ? [] : [json.filter((value) => typeof value !== 'string')]),
    ...(typeof maxLength === 'number' ? [fc.constant('x'.repeat(maxLength + 1))] : []),
    ...(typeof maximum === 'number' ? [fc.integer({ min: 1, max: 1000 }).map((more) => maximum + more)] : []),
    ...(typeof minimum === 'number' ? [fc.integer({ min: 1, max: 1000 }).map((less) => minimum - less)] : []),
    ...(typeof maxItems === 'number' ? [fc.constant(Array.from({ length: maxItems + 1 }, () => 'x'))] : []),
  ];
}

function fits(value: Json, type: Json | undefined): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

// @row IV-19
// @row AU-04
describe('who may do what', () => {
  const least = { read: 'viewer', diagnose: 'operator', change: 'operator', destroy: 'admin' } as const;

  it('for every operation, role and access', { timeout: 60_000 }, async () => {
    const decided: { [what: string]: number } = {};
    for (const access of accessLevels) {
      const house = await houseOn(fakeShop({ kind: 'beam' }), {
        spec: { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } },
      });
      house.backend.setAccess('shop1@h', access, house.options);
      for (const operation of builtins) {
        for (const role of roles) {
          const params = operation.examples[0]?.params ?? {};
          const answer = await house.run(operation.name, params, {}, { caller: { ...house.options.caller, role } });
          const writes = operation.severity === 'change' || operation.severity === 'destroy';
          const wanted =
            roles.indexOf(role) < roles.indexOf(least[operation.severity])
              ? 'role.insufficient'
              : writes && access === 'read_only'
                ? 'connection.read_only'
                : writes && access === 'confirm'
                  ? 'connection.confirm_writes'
                  : 'allowed';
          const got = !answer.ok && answer.error.class === 'authorization' ? answer.error.code : 'allowed';
          expect(`${operation.name} ${role} ${access}: ${got}`).toBe(`${operation.name} ${role} ${access}: ${wanted}`);
          decided[got] = (decided[got] ?? 0) + 1;
        }
      }
      await house.close();
    }
    expect(Object.keys(decided).toSorted()).toEqual([
      'allowed',
      'connection.confirm_writes',
      'connection.read_only',
      'role.insufficient',
    ]);
  });

  it('consent in the editor arms nobody else', async () => {
    const house = await houseOn(fakeShop({ kind: 'beam' }), {
      spec: { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } },
    });
    house.backend.setAccess('shop1@h', 'full', house.options);
    const params = { pid: 'Shop.Catalog', node: 'shop1@h' };
    for (const via of ['rest', 'ws', 'cli', 'mcp', 'lm_tool', 'batch', 'operation'] as const) {
      const caller = { ...house.options.caller, via };
      expect(errorOf(await house.run('kill_process', params, {}, { caller })).code).toBe('connection.read_only');
      expect(
        errorOf(
          house.backend.setAccess('shop1@h', 'full', { ...house.options, caller: { ...caller, role: 'operator' } }),
        ).code,
      ).toBe('connection.consent_not_yours');
    }
    expect((await house.run('kill_process', params)).ok).toBe(true);
    await house.close();
  });
});
