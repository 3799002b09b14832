/** What the emulator of a node does beside running processes: ports and sockets, allocators, schedulers; and who waits for whom. */
import { childOptions } from '../../callOptions.ts';
import type { NodeName, PortRow, ProcessRef, Result, Wait } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { integer, list } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import { atomName, listOf, nameIn, numberOf, processOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

const portsPerCall = 500;
/** What a call takes beside the time it measures. */
const slackMs = 2_000;

type PortItem = StreamItem<Frame<'system.ports'>, StreamEnd<'system.ports'>>;

async function* ports(session: Session, node: NodeName, options: CallOptions): AsyncGenerator<PortItem> {
  const end = (result: Result<StreamEnd<'system.ports'>>): PortItem => ({ is: 'end', result });
  const target = await session.reach(node, options);
  if (!target.ok) {
    yield end(target);
    return;
  }
  const said = answered(await target.value.run('node_ports', [], options), node, 'The ports');
  if (!said.ok) {
    yield end(said);
    return;
  }
  const all = listOf(said.value);
  let total = 0;
  for (let at = 0; at < all.length; at += portsPerCall) {
    const part = list(all.slice(at, at + portsPerCall));
    const facts = answered(await target.value.run('node_port_facts', [part], options), node, 'The ports');
    if (!facts.ok) {
      yield end(facts);
      return;
    }
    const rows = listOf(facts.value).flatMap(portRow);
    total += rows.length;
    yield { is: 'frame', frame: rows };
  }
  const sockets = answered(await target.value.run('node_sockets', [], options), node, 'The sockets');
  if (!sockets.ok) {
    yield end(sockets);
    return;
  }
  const rows = listOf(sockets.value).flatMap((fact, index) => socketRow(fact, index));
  if (rows.length > 0) yield { is: 'frame', frame: rows };
  yield end(ok({ total: total + rows.length }));
}

function portRow(fact: Term): PortRow[] {
  const [id, name, owner, input, output, queue, memory, local, remote, ownerName] = tupleOf(fact, 10) ?? [];
  if (id === undefined) return [];
  return [
    {
      id: printTerm(id, { syntax: 'erlang' }),
      kind: 'port',
      name: textOf(name) ?? '',
      owner: processOf(owner),
      ownerName: nameIn(ownerName),
      inputBytes: numberOf(input) ?? 0,
      outputBytes: numberOf(output) ?? 0,
      queueBytes: numberOf(queue),
      memoryBytes: numberOf(memory),
      local: addressText(local),
      remote: addressText(remote),
    },
  ];
}

function socketRow(fact: Term, index: number): PortRow[] {
  const [name, owner, input, output, local, remote, ownerName] = tupleOf(fact, 7) ?? [];
  if (name === undefined) return [];
  return [
    {
      id: `socket ${String(index + 1)}`,
      kind: 'socket',
      name: textOf(name) ?? '',
      owner: processOf(owner),
      ownerName: nameIn(ownerName),
      inputBytes: numberOf(input) ?? 0,
      outputBytes: numberOf(output) ?? 0,
      queueBytes: null,
      memoryBytes: null,
      local: addressText(local),
      remote: addressText(remote),
    },
  ];
}

/** `{Address, Port}` with the address as text; a path has port 0. */
function addressText(term: Term | undefined): string | null {
  const [address, port] = tupleOf(term, 2) ?? [];
  const text = textOf(address);
  const number = numberOf(port);
  if (text === null || number === null) return null;
  if (number === 0 && text.includes('/')) return text;
  return text.includes(':') ? `[${text}]:${String(number)}` : `${text}:${String(number)}`;
}

async function allocators(
  session: Session,
  node: NodeName,
  options: CallOptions,
): Promise<Result<Answer<'system.allocators'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const said = answered(await target.value.run('node_allocators', [], options), node, 'The allocators');
  if (!said.ok) return said;
  return ok({
    allocators: listOf(said.value).flatMap((term) => {
      const [name, instances, carriers, blocks] = tupleOf(term, 4) ?? [];
      const shown = atomName(name);
      if (shown === null) return [];
      return [
        {
          name: shown,
          instances: numberOf(instances) ?? 0,
          carrierBytes: numberOf(carriers) ?? 0,
          blockBytes: numberOf(blocks) ?? 0,
        },
      ];
    }),
  });
}

async function schedulers(
  session: Session,
  { node, forMs }: Params<'system.schedulers'>,
  options: CallOptions,
): Promise<Result<Answer<'system.schedulers'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const within = childOptions(options, forMs + slackMs);
  const said = answered(await target.value.run('node_schedulers', [integer(forMs)], within), node, 'The schedulers');
  if (!said.ok) return said;
  const [normal, dirtyCpu, shares, queues] = tupleOf(said.value, 4) ?? [];
  const [normals, dirtyCpus] = [numberOf(normal), numberOf(dirtyCpu)];
  if (normals === null || dirtyCpus === null) return strangeAnswer(node, 'The answer about schedulers');
  // One queue for each normal scheduler, then one for all dirty CPU and one for all dirty I/O schedulers (erlang:statistics/1).
  const lengths = listOf(queues).map(numberOf);
  return ok({
    schedulers: listOf(shares).flatMap((pair) => {
      const [id, share] = (tupleOf(pair, 2) ?? []).map(numberOf);
      if (typeof id !== 'number' || typeof share !== 'number') return [];
      const kind = id <= normals ? 'normal' : id <= normals + dirtyCpus ? 'dirty_cpu' : 'dirty_io';
      return [{ id, kind, utilisation: share, runQueue: kind === 'normal' ? (lengths[id - 1] ?? null) : null }];
    }),
  });
}

async function waits(
  session: Session,
  { node, limit }: Params<'system.waits'>,
  options: CallOptions,
): Promise<Result<Answer<'system.waits'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const said = answered(await target.value.run('diag_waits', [integer(limit)], options), node, 'Who waits');
  if (!said.ok) return said;
  const [total, found] = tupleOf(said.value, 2) ?? [];
  const count = numberOf(total);
  if (count === null) return strangeAnswer(node, 'The answer about who waits');
  return ok({ total: count, waits: listOf(found).flatMap(waitOf) });
}

function waitOf(term: Term): Wait[] {
  const [who, on, evidence, call, name, stack] = tupleOf(term, 6) ?? [];
  const process = processOf(who);
  if (process === null || on === undefined) return [];
  return [
    {
      process,
      registeredName: atomName(name),
      on: listOf(on).flatMap(calleeOf),
      evidence: atomName(evidence) === 'certain' ? 'certain' : 'likely',
      call: call?.t === 'text' ? call.v : null,
      stack: listOf(stack).flatMap(frameText),
    },
  ];
}

function calleeOf(term: Term): (ProcessRef | { readonly name: string; readonly node: NodeName })[] {
  const process = processOf(term);
  if (process !== null) return [process];
  const [name, node] = (tupleOf(term, 2) ?? []).map(atomName);
  return typeof name === 'string' && typeof node === 'string' ? [{ name, node }] : [];
}

function frameText(term: Term): string[] {
  const [module, name, arity, line] = tupleOf(term, 4) ?? [];
  const [m, f, a, l] = [atomName(module), atomName(name), numberOf(arity), numberOf(line)];
  if (m === null || f === null || a === null) return [];
  return [`${m}:${f}/${String(a)}${l === null || l === 0 ? '' : `:${String(l)}`}`];
}

export function emulatorMethods(session: Session): MethodTable {
  return {
    'system.ports': ({ node }, options) => ports(session, node, options),
    'system.allocators': ({ node }, options) => allocators(session, node, options),
    'system.schedulers': (params, options) => schedulers(session, params, options),
    'system.waits': (params, options) => waits(session, params, options),
  };
}
