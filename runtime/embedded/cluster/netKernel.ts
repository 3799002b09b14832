/** kernel's `net_kernel` and `net_adm`, and what `erlang` has about other nodes. Follows OTP 25. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import { applyFun, LocalFun } from '../kernel/localFun.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import type { SpawnRequestOptions } from '../kernel/spawnRequest.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, tagged } from '../kernel/values.ts';
import { genAtoms, genCall } from '../otp/gen.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { caught } from '../otp/crashReport.ts';
import type { NodeSubscription } from './distribution.ts';
import { distributionOf } from './distribution.ts';

/** Answers what other nodes ask of this one. Who is told of nodes that come and go stands in {@link distributionOf}. */
const netKernel: ServerModule<null> = {
  module: 'net_kernel',
  init: (self) => {
    self.trapExit(true);
    return { is: 'ok', state: null };
  },
  handleCall(self, request, from, state) {
    if (tagged(request, a('is_auth'), 2) !== null) return reply(a('yes'), state);
    const wanted = tagged(request, a('monitor_nodes'), 2);
    if (wanted === null) return reply(a('unknown_request'), state);
    const [pid] = from.elements;
    const distribution = distributionOf(self.home);
    distribution.monitorNodes(pid, false);
    if (wanted[1] === true) distribution.monitorNodes(pid, true);
    return reply(atoms.ok, state);
  },
  handleInfo: (_self, _message, state) => noreply(state),
  show: (state) => state,
};

// ---------------------------------------------------------------------------------------------------------- functions

function nodeName(value: Value): string {
  if (value instanceof Atom) return value.name;
  throw new ErrorException(a('function_clause'));
}

/** The same for the functions of `erlang` itself: `badarg` for anything else. */
function atomText(value: Value): string {
  if (value instanceof Atom) return value.name;
  throw new ErrorException(atoms.badarg);
}

/** `net_kernel:monitor_nodes/1,2`: `ok`, or what is wrong with the options. */
function monitorNodes(self: Self, flag: Value, options: Value): Value {
  if (typeof flag !== 'boolean') return atoms.error;
  const subscription = subscriptionOf(options);
  if ('error' in subscription) return errorTuple(subscription.error);
  distributionOf(self.home).monitorNodes(self.pid, flag, subscription);
  return atoms.ok;
}

function subscriptionOf(options: Value): NodeSubscription | { readonly error: Value } {
  if (isList(options)) return listed(options);
  const fields = fieldsOf(options);
  if (fields === null) return { error: tup(a('invalid_options'), options) };
  let subscription: NodeSubscription = { form: 'map' };
  const unknown: { [key: string]: Value } = {};
  for (const [key, value] of fields) {
    const next = withOption(subscription, key, value);
    if (next === 'bad_value') return { error: tup(a('bad_option_value'), { [key]: value }) };
    if (next === 'unknown') unknown[key] = value;
    else subscription = next;
  }
  return Object.keys(unknown).length > 0 ? { error: tup(a('unknown_options'), unknown) } : subscription;
}

function listed(options: readonly unknown[]): NodeSubscription | { readonly error: Value } {
  let subscription: NodeSubscription = { form: 'list' };
  const unknown: Value[] = [];
  for (const option of options.map(asValue)) {
    const pair = tagged(option, a('node_type'), 2);
    const [key, value] = pair === null ? [option instanceof Atom ? option.name : '', true] : ['node_type', pair[1]];
    const before = key === 'node_type' ? subscription.nodeType : undefined;
    const next = withOption(subscription, key, asValue(value));
    if (next === 'bad_value') return { error: tup(a('bad_option_value'), option) };
    if (before !== undefined && !isType(value, before)) {
      return { error: tup(a('option_value_mismatch'), [option, tup(a('node_type'), a(before))]) };
    }
    if (next === 'unknown') unknown.push(option);
    else subscription = next;
  }
  if (unknown.length > 0) return { error: tup(a('unknown_options'), unknown) };
  return subscription;
}

function withOption(so: NodeSubscription, key: string, value: Value): NodeSubscription | 'unknown' | 'bad_value' {
  if (key === 'connection_id') return typeof value === 'boolean' ? { ...so, connectionId: value } : 'bad_value';
  if (key === 'nodedown_reason') return typeof value === 'boolean' ? { ...so, nodedownReason: value } : 'bad_value';
  if (key !== 'node_type') return 'unknown';
  for (const nodeType of ['visible', 'hidden', 'all'] as const) if (isType(value, nodeType)) return { ...so, nodeType };
  return 'bad_value';
}
function isType(value: unknown, type: string | undefined): boolean {
  return value instanceof Atom && value.name === type;
}
/** `net_kernel:connect_node/1`: whether there is a connection now; it waits for the attempt. */
export function* connectNode(self: Self, node: string): Flow<boolean> {
  const ref = self.makeRef();
  const distribution = distributionOf(self.home);
  const { node: kernel } = distribution;
  const me = self.pid;
  distribution.whenConnected(node, (isUp) => {
    const process = kernel.find(me);
    if (process !== undefined) kernel.deliver(process, tup(ref, isUp));
  });
  const answer = yield* receive({ marker: ref, match: (message) => elementsOf(message)?.[0] === ref });
  return elementsOf(answer)?.[1] === true;
}

/** `erlang:disconnect_node/1`; false for this node. */
function disconnectNode(self: Self, node: string): Value {
  if (node === self.node) return false;
  const { network, node: kernel } = distributionOf(self.home);
  return network.disconnect(kernel, node);
}

/** `net_adm:ping/1` */
export function* ping(self: Self, node: string): Flow<Value> {
  if (node === self.node) return a('pong');
  try {
    const server = tup(a('net_kernel'), a(node));
    const answer = yield* genCall(self, server, genAtoms.call, tup(a('is_auth'), a(self.node)), null);
    if (answer === a('yes')) return a('pong');
  } catch (thrown) {
    if (caught(thrown).kind !== 'exit') throw thrown;
  }
  disconnectNode(self, node);
  return a('pang');
}

/** `spawn_request/5` options, as they stand in a list. */
function requestOptions(options: Value): SpawnRequestOptions {
  if (!isList(options)) throw new ErrorException(atoms.badarg);
  let known: SpawnRequestOptions = {};
  for (const option of options.map(asValue)) known = { ...known, ...requestOption(option) };
  return known;
}
function requestOption(option: Value): SpawnRequestOptions {
  if (option === a('link')) return { link: true };
  if (option === a('monitor')) return { monitorTag: atoms.down };
  const tag = tagged(option, a('reply_tag'), 2);
  if (tag !== null) return { replyTag: asValue(tag[1]) };
  const replies = tagged(option, a('reply'), 2)?.[1];
  for (const which of ['yes', 'no', 'error_only', 'success_only'] as const) {
    if (replies === a(which)) return { replies: which };
  }
  const monitor = tagged(option, a('monitor'), 2)?.[1];
  if (!isList(monitor)) return {};
  const own = monitor.map((one) => tagged(one, a('tag'), 2)).find((one) => one !== null);
  return { monitorTag: own === undefined ? atoms.down : asValue(own[1]) };
}

type Mfa = { readonly module: string; readonly name: string; readonly args: readonly Value[] };
/** `[Module, Function, Args]` or `[Fun]`. */
function called(args: readonly Value[]): Mfa {
  const [first, name, list] = args;
  if (args.length === 1) return { module: 'erlang', name: 'apply', args: [first, []] };
  if (!(first instanceof Atom) || !(name instanceof Atom) || !isList(list)) throw new ErrorException(atoms.badarg);
  return { module: first.name, name: name.name, args: list.map(asValue) };
}

/**
 * `spawn/1,2,3,4` and its kin. Where the node cannot be reached there is a pid all the same, of a process that ended with
 * `noconnection`, as in OTP.
 */
function* spawn(self: Self, node: string, args: readonly Value[], options: SpawnRequestOptions): Flow<Value> {
  const { module, name, args: list } = called(args);
  const { ref, outcome } = yield* spawned(self, node, module, name, list, options);
  if (outcome instanceof Pid) return options.monitorTag === undefined ? outcome : tup(outcome, ref);
  if (outcome !== atoms.noconnection) return self.error(outcome);
  const crashed = yield* spawned(self, self.node, 'erlang', 'exit', [atoms.noconnection], options);
  return options.monitorTag === undefined ? crashed.outcome : tup(crashed.outcome, crashed.ref);
}

function* spawned(
  self: Self,
  node: string,
  module: string,
  name: string,
  args: readonly Value[],
  options: SpawnRequestOptions,
): Flow<{ readonly ref: Ref; readonly outcome: Value }> {
  const replyTag = self.makeRef();
  const ref = self.spawnRequest(node, module, name, args, { ...options, replyTag });
  const answer = yield* receive({ match: (message) => elementsOf(message)?.[0] === replyTag });
  return { ref, outcome: asValue(elementsOf(answer)?.[3]) };
}

function spawns(name: string, options: SpawnRequestOptions): CodeModule['functions'] {
  const here: Code = (self, ...args) => spawn(self, self.node, args, options);
  const there: Code = (self, node, ...args) => spawn(self, nodeName(node), args, options);
  return { [`${name}/1`]: here, [`${name}/2`]: there, [`${name}/3`]: here, [`${name}/4`]: there };
}

/** `erlang:nodes/1` */
function nodesOf(self: Self, types: Value): Value {
  const distribution = distributionOf(self.home);
  const asked = isList(types) ? types.map(asValue) : [types];
  const found = new Set<string>();
  for (const type of asked) {
    if (type === a('this')) found.add(self.node);
    else if (type === a('known')) for (const node of [self.node, ...distribution.nodes('connected')]) found.add(node);
    else if (type === a('visible') || type === a('hidden') || type === a('connected')) {
      const wanted = type === a('visible') ? 'visible' : type === a('hidden') ? 'hidden' : 'connected';
      for (const node of distribution.nodes(wanted)) found.add(node);
    } else throw new ErrorException(atoms.badarg);
  }
  return [...found].map(a);
}

function destination(value: Value): Pid | Atom | Ref | Tuple<readonly [Atom, Atom]> {
  if (value instanceof Pid || value instanceof Atom || value instanceof Ref) return value;
  const [name, node] = value instanceof Tuple ? value.elements.map(asValue) : [];
  if (name instanceof Atom && node instanceof Atom) return tup(name, node);
  throw new ErrorException(atoms.badarg);
}

/** What module `erlang` has of this, by name and arity. */
export const erlangDistribution: CodeModule['functions'] = {
  ...spawns('spawn', {}),
  ...spawns('spawn_link', { link: true }),
  ...spawns('spawn_monitor', { monitorTag: atoms.down }),
  'spawn_request/5': (self, node, module, name, args, options) =>
    self.spawnRequest(
      atomText(node),
      atomText(module),
      atomText(name),
      called([module, name, args]).args,
      requestOptions(options),
    ),
  'spawn_request_abandon/1': (self, ref) => (ref instanceof Ref ? self.abandonSpawn(ref) : self.error(atoms.badarg)),
  'nodes/0': (self) => self.nodes().map(a),
  'nodes/1': (self, types) => nodesOf(self, types),
  'node/1': (self, of) => (of instanceof Pid || of instanceof Ref ? a(of.node) : self.error(atoms.badarg)),
  'monitor_node/2': (self, node, flag) => {
    distributionOf(self.home).monitorNode(self.pid, atomText(node), flag === true);
    return true;
  },
  'monitor_node/3': (self, node, flag) => {
    distributionOf(self.home).monitorNode(self.pid, atomText(node), flag === true);
    return true;
  },
  'disconnect_node/1': (self, node) => node instanceof Atom && disconnectNode(self, node.name),
  'is_alive/0': () => true,
  *'halt/0'(self): Flow<Value> {
    distributionOf(self.home).options.halt();
    // Nothing of this node runs any more.
    yield* receive({ match: () => false });
    return null;
  },
  'send/2': (self, to, message) => {
    self.send(destination(to), message);
    return message;
  },
  'whereis/1': (self, name) => (name instanceof Atom ? (self.whereis(name) ?? undefined) : self.error(atoms.badarg)),
  'throw/1': (_self, value) => {
    throw new ThrownValue(value);
  },
  'group_leader/0': (self) => self.groupLeader,
  'apply/2': (self, fun, args) => {
    if (!isList(args)) return self.error(atoms.badarg);
    if (fun instanceof LocalFun) return applyFun(self, fun, args.map(asValue));
    return self.error(tup(a('badfun'), fun));
  },
  'apply/3': (self, module, name, args) => {
    if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args)) return self.error(atoms.badarg);
    return self.apply(module.name, name.name, args.map(asValue));
  },
};

export const netKernelModules: readonly CodeModule[] = [
  {
    name: 'net_kernel',
    behaviours: ['gen_server'],
    functions: {
      'start_link/0': (self) => startServer(self, netKernel, null, { name: a('net_kernel') }),
      'monitor_nodes/1': (self, flag) => {
        if (typeof flag !== 'boolean') return atoms.error;
        distributionOf(self.home).monitorNodes(self.pid, flag);
        return atoms.ok;
      },
      'monitor_nodes/2': monitorNodes,
      'connect_node/1': (self, node) => connectNode(self, nodeName(node)),
      'get_net_ticktime/0': (self) => distributionOf(self.home).network.netTicktimeMs / 1000,
    },
  },
  { name: 'net_adm', functions: { 'ping/1': (self, node) => ping(self, nodeName(node)) } },
];
