/** Holdings as the agent keeps them: {Kind, Target, {Principal, Client, Operation, RequestId}}, and as it lists them. */
import type { Holding, Incarnation, ProcessRef } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { atom, isAtom, text, tuple } from '../../term/term.ts';
import type { HeldBy } from './nodeAgent.ts';

/** The public id of what an agent holds: `NODE~hNUMBER~CREATION`, creation in hex. */
export function holdingId(at: Incarnation, number: number): string {
  return `${at.node}~h${String(number)}~${at.creation.toString(16)}`;
}

const idPattern = /^([^~\s]{1,255})~h(\d{1,15})~([0-9a-f]{1,8})$/;

/** Reads what {@link holdingId} wrote; null for anything else. */
export function parseHoldingId(id: string): (Incarnation & { readonly number: number }) | null {
  const [, node = '', number = '', creation = ''] = idPattern.exec(id) ?? [];
  return node === '' ? null : { node, creation: Number.parseInt(creation, 16), number: Number(number) };
}

export function holdingTerm({ kind, target, owner }: HeldBy): Term {
  const { principal, client, operation, requestId } = owner;
  const pid: Term = target === null ? atom('none') : pidTerm(target);
  return tuple(atom(kind), pid, tuple(text(principal), text(client), text(operation), text(requestId)));
}

function pidTerm({ node, creation, id, serial }: ProcessRef): Term {
  return { t: 'pid', node, creation, id, serial };
}

const kinds: readonly Holding['kind'][] = [
  'suspension',
  'sys_suspension',
  'trace',
  'monitor',
  'watch',
  'sandbox',
  'loaded_code',
  'fault',
  'fun',
  'process',
  'state',
];

/** Of {Id, Kind, Target, Owner, LingerMs, Client, here | away} (hold_list in hold.erl); null for anything else. */
export function readHolding(at: Incarnation, term: Term): Holding | null {
  const [number, kind, target, owner, lingerMs] = term.t === 'tuple' ? term.e : [];
  const [principal, client, operation, requestId] = owner?.t === 'tuple' ? owner.e.map(textOf) : [];
  const known = kinds.find((one) => isAtom(kind, one));
  if (number?.t !== 'int' || lingerMs?.t !== 'int' || known === undefined || requestId === undefined) return null;
  return {
    id: holdingId(at, number.v),
    kind: known,
    at: { node: at.node, creation: at.creation },
    target:
      target?.t === 'pid'
        ? { node: target.node, creation: target.creation, id: target.id, serial: target.serial }
        : null,
    owner: { principal: principal ?? '', client: client ?? '', operation: operation ?? '', requestId },
    lingerMs: lingerMs.v,
  };
}

function textOf(term: Term): string {
  return term.t === 'text' ? term.v : '';
}
