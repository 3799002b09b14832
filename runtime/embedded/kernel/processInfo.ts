/**
 * `erlang:process_info/2` and `process_flag/2`: what a process is, as terms. What a BEAM keeps and this kernel does not is either
 * the constant that a process here would always have (said at its key) or `null`, where nothing would be true.
 */
import type { Value } from '../../term/values.ts';
import { Atom, a, tup } from '../../term/values.ts';
import { copied } from './copy.ts';
import type { Mfa } from './module.ts';
import type { Priority, Process } from './process.ts';
import { bytesPerWord, processBytes } from './termSize.ts';
import { atoms } from './values.ts';

/** Flags of process_flag/2 that are kept and answered, and steer nothing here: there is no collector of ours. */
const inertFlags: { readonly [flag: string]: Value } = {
  message_queue_data: a('on_heap'),
  error_handler: a('error_handler'),
  min_heap_size: 233,
  min_bin_vheap_size: 46_422,
  fullsweep_after: 65_535,
  max_heap_size: 0,
  save_calls: 0,
  sensitive: false,
};
const priorities: readonly Priority[] = ['low', 'normal', 'high', 'max'];
const queueData: readonly Value[] = ['off_heap', 'on_heap'].map(a);

/**
 * The items of process_info/2. Not as on a BEAM:
 * `memory` (bytes), `heap_size`, `total_heap_size`, `stack_size` (words) are what its terms would take, without the free part of a
 * heap; `stack_size` is 0. `current_function` is where it waits: in the `receive` it says, or between two messages.
 * `current_stacktrace` has that one function. `catchlevel` is 0. `message_queue_data`, `error_handler`,
 * `min_heap_size` … are what process_flag/2 set or the BEAM's defaults, and steer nothing. `backtrace`, `binary`,
 * `garbage_collection`, `garbage_collection_info` and `last_calls` are null: there is nothing of the kind.
 */
export const infoItems = [
  'backtrace',
  'binary',
  'catchlevel',
  'current_function',
  'current_location',
  'current_stacktrace',
  'dictionary',
  'error_handler',
  'garbage_collection',
  'garbage_collection_info',
  'group_leader',
  'heap_size',
  'initial_call',
  'last_calls',
  'links',
  'memory',
  'message_queue_data',
  'message_queue_len',
  'messages',
  'min_bin_vheap_size',
  'min_heap_size',
  'monitored_by',
  'monitors',
  'parent',
  'priority',
  'reductions',
  'registered_name',
  'stack_size',
  'status',
  'suspending',
  'total_heap_size',
  'trap_exit',
] as const;
export type InfoItem = (typeof infoItems)[number];

/** The value of one item, as it stands in `{Item, Value}`. Without a name, `registered_name` is `[]`. */
export function processInfo(process: Process, item: InfoItem): Value {
  switch (item) {
    case 'current_function':
      return placeTerm(process.currentFunction) ?? mfaTerm(process.initialCall);
    case 'current_location':
      return located(process);
    case 'current_stacktrace':
      return [located(process)];
    case 'initial_call':
      return mfaTerm(process.initialCall);
    case 'status':
      return a(process.suspendedBy !== null ? 'suspended' : process.runState);
    case 'message_queue_len':
      return process.mailbox.length;
    case 'messages':
      return process.mailbox.peek(process.mailbox.length).map(copied);
    case 'links':
      return [...(process.links ?? [])];
    case 'monitors':
      return [...(process.monitors?.values() ?? [])].map(({ target }) => tup(atoms.process, target));
    case 'monitored_by':
      return [...(process.monitoredBy?.values() ?? [])];
    case 'registered_name':
      return process.name === null ? [] : a(process.name);
    case 'trap_exit':
      return process.trapExit;
    case 'dictionary':
      return [...(process.dictionary ?? [])].map(([key, value]) => tup(copied(key), copied(value)));
    case 'group_leader':
      return process.groupLeader;
    case 'reductions':
      return process.reductions;
    case 'memory':
      return processBytes(process);
    case 'heap_size':
    case 'total_heap_size':
      return processBytes(process) / bytesPerWord;
    case 'stack_size':
    case 'catchlevel':
      return 0;
    case 'parent':
      return process.parent ?? a('undefined');
    case 'priority':
      return a(process.priority);
    case 'suspending':
      return suspending(process);
    case 'backtrace':
    case 'binary':
    case 'garbage_collection':
    case 'garbage_collection_info':
    case 'last_calls':
      return null;
    default:
      return flagOf(process, item);
  }
}

/** Whether a word is one of {@link infoItems}. */
export function isInfoItem(item: string): item is InfoItem {
  return infoItems.some((known) => known === item);
}

/**
 * `process_flag(Flag, Value)`: sets it, and answers what it was; null when there is no such flag, or it cannot have that value
 * (`badarg`).
 */
export function setFlag(process: Process, flag: Atom, value: Value): Value {
  if (flag.name === 'trap_exit') {
    if (typeof value !== 'boolean') return null;
    const was = process.trapExit;
    process.trapExit = value;
    return was;
  }
  if (flag.name === 'priority') {
    const priority = priorities.find((known) => value === a(known));
    if (priority === undefined) return null;
    const was = a(process.priority);
    process.priority = priority;
    return was;
  }
  if (!Object.hasOwn(inertFlags, flag.name) || !fits(flag.name, value)) return null;
  const was = flagOf(process, flag.name);
  (process.flags ??= new Map()).set(flag.name, value);
  return was;
}

function fits(flag: string, value: Value): boolean {
  switch (flag) {
    case 'message_queue_data':
      return queueData.includes(value);
    case 'error_handler':
      return value instanceof Atom;
    case 'sensitive':
      return typeof value === 'boolean';
    default:
      return typeof value === 'number' && Number.isInteger(value) && value >= 0;
  }
}

function flagOf(process: Process, flag: string): Value {
  return process.flags?.get(flag) ?? inertFlags[flag];
}

/** The processes that this one has suspended: `{Pid, ActiveSuspendCount, 0}`. */
function suspending(process: Process): Value {
  const held: Value[] = [];
  for (const other of process.node.processes.values()) {
    const count = other.suspendedBy?.get(process);
    if (count !== undefined) held.push(tup(other.pid, count, 0));
  }
  return held;
}

function located(process: Process): Value {
  const [module, name, arity] = placeTerm(process.currentFunction)?.elements ?? mfaTerm(process.initialCall).elements;
  return tup(module, name, arity, []);
}

function mfaTerm({ module, function: name, arity }: Mfa) {
  return tup(a(module), a(name), arity);
}

/** The MFA that a text like `gen:do_call/4` names; null for any other text. */
function placeTerm(text: string) {
  const [, module, name, arity] = /^(.+):(.+)\/(\d{1,3})$/.exec(text) ?? [];
  return module === undefined || name === undefined ? null : tup(a(module), a(name), Number(arity));
}
