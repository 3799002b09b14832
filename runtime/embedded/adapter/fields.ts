/** The columns of a process, read from the kernel. */
import type { Json, ProcessField, ProcessRow, RowPage } from '../../model.ts';
import { pidText } from '../../model.ts';
import { columnsOf } from '../../processQuery.ts';
import { Pid } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import { bytesPerWord, processBytes } from '../kernel/termSize.ts';
import { genAtoms } from '../otp/gen.ts';
import type { Context } from './context.ts';
import { idOf, refOf, termJson, termOf } from './context.ts';

/** `running`, `runnable`, `waiting`, `suspended` or `exiting`, as process_info(status). */
export function statusOf(process: Process): string {
  return process.suspendedBy === null ? process.runState : 'suspended';
}

/** Where a process is now: in its `receive`, or between two messages. */
export function currentFunction(process: Process): string {
  return process.currentFunction;
}

/** The function it was started with, as a node of OTP has its rows: names without the marks of an atom. */
function initialCall({ initialCall: { module, function: name, arity } }: Process): string {
  return `${module}:${name}/${String(arity)}`;
}

/** The value of one column of one process. `memory` is what its terms would take on a BEAM (see processBytes). */
export function fieldOf(process: Process, field: ProcessField): Json {
  switch (field) {
    case 'registered_name':
      return process.name;
    case 'initial_call':
      return initialCall(process);
    case 'status':
      return statusOf(process);
    case 'reductions':
      return process.reductions;
    case 'message_queue_len':
      return process.mailbox.length;
    case 'group_leader':
      return idOf(process.groupLeader);
    case 'label':
      return null;
    case 'memory':
      return processBytes(process);
    case 'current_function':
      return currentFunction(process);
    case 'total_heap_size':
      return processBytes(process) / bytesPerWord;
    case 'links':
      return [...(process.links ?? [])].map(idOf);
    case 'monitors':
      return [...(process.monitors?.values() ?? [])].map(({ target }) =>
        target instanceof Pid ? idOf(target) : target.elements.map(String).join('@'),
      );
    case 'dictionary':
      return [...(process.dictionary ?? [])].map(([key, value]) => [termJson(termOf(key)), termJson(termOf(value))]);
    case 'current_stacktrace':
      return [currentFunction(process)];
    case 'trap_exit':
      return process.trapExit;
    case 'parent':
      return process.parent === null ? null : idOf(process.parent);
    case 'ancestors': {
      const above = process.dictionary?.get(genAtoms.ancestors);
      return Array.isArray(above) ? above.map((one) => (one instanceof Pid ? idOf(one) : String(one))) : [];
    }
    case 'current_location':
      return currentFunction(process);
    case 'monitored_by':
      return [...(process.monitoredBy?.values() ?? [])].map(idOf);
    case 'suspending':
    case 'priority':
    case 'garbage_collection':
    case 'binary_bytes':
      // Nothing of the kind is in this runtime.
      return null;
  }
}

/** One page of rows of one node. */
export function pageOf(
  context: Context,
  node: KernelNode,
  processes: readonly Process[],
  keys: readonly ProcessField[],
): RowPage {
  return {
    of: { node: node.name, creation: node.creation },
    ids: Uint32Array.from(processes, ({ pid }) => pid.id),
    serials: Uint32Array.from(processes, ({ pid }) => pid.serial),
    columns: columnsOf(processes, keys, fieldOf),
    takenAt: context.time(node),
  };
}

/** A process as the row of a watch, with the columns asked for. */
export function processRow(process: Process, keys: readonly ProcessField[]): ProcessRow {
  const wants = (key: ProcessField): boolean => keys.includes(key);
  return {
    pid: idOf(process.pid),
    node: process.pid.node,
    display: pidText(refOf(process.pid)),
    ...(wants('registered_name') && { registeredName: process.name }),
    ...(wants('initial_call') && { initialCall: initialCall(process) }),
    ...(wants('current_function') && { currentFunction: currentFunction(process) }),
    ...(wants('status') && { status: statusOf(process) }),
    ...(wants('memory') && { memory: processBytes(process) }),
    ...(wants('reductions') && { reductions: process.reductions }),
    ...(wants('message_queue_len') && { messageQueueLen: process.mailbox.length }),
  };
}
