/** Parameters and result parts that several operations share, so that one thing has one name, one limit and one description. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { ArsenalError, Coverage, Json } from '../../runtime/model.ts';
import type { Term } from '../../runtime/term/term.ts';

/** What a form offers for a parameter beside typing: live lists of these. */
export type Pick =
  'process' | 'node' | 'supervisor' | 'child' | 'registeredName' | 'module' | 'sandbox' | 'trace' | 'operation';
export const pick = (what: Pick) => ({ 'x-arsenal': { pick: what } });

const processForms =
  'its id (NODE~0.1.0~CREATION); <0.1.0>, #PID<0.1.0> or 0.1.0 on `node` (else the connected one); a registered name; {NAME, NODE}; {global, NAME}; or {via, MODULE, NAME}';
const processText = (what: string, picked: Pick) =>
  Type.String({ minLength: 1, maxLength: 1024, description: `${what}: ${processForms}.`, ...pick(picked) });

/** A process, in any form people and programs write one. */
export const pidParam = processText('The process', 'process');
/** A supervisor, in the same forms. */
export const supervisorParam = processText('The supervisor', 'supervisor');
/** A further process that an operation mentions. */
export const otherPidParam = (what: string) => processText(what, 'process');

/** An Erlang node name: NAME@HOST. */
export const nodeParam = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^~\\s]+$',
  description: 'The node, NAME@HOST.',
  ...pick('node'),
});
/** The node to ask; without it, all of them. */
export const nodeFilterParam = Type.Optional(
  Type.String({ ...nodeParam, description: 'Only this node; all of them when absent.' }),
);
/** The node on which a local name or a printed pid is meant. */
export const onNodeParam = Type.Optional(
  Type.String({ ...nodeParam, description: 'The node on which the process is meant; the connected one when absent.' }),
);

/** An atom's text: a module, a function, a registered name. At most 255 characters, as on the BEAM. */
export const atomText = (description: string, picked?: Pick) =>
  Type.String({ minLength: 1, maxLength: 255, description, ...(picked === undefined ? {} : pick(picked)) });

/** Any JSON of a bounded size. */
export const jsonValue = (description: string, maxBytes: number) =>
  Type.Unsafe<Json>({ description, 'x-maxBytes': maxBytes });

// -------------------------------------------------------------------------------------------------------------- results

export const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Union([schema, Type.Null()]);

/** A term as text for the eye, and without loss. */
export const shownTermResult = Type.Object({ display: Type.String(), term: Type.Unsafe<Term>({ type: 'object' }) });
export type ShownTerm = Static<typeof shownTermResult>;

/** An error as part of an answer that went well otherwise. */
export const errorResult = Type.Unsafe<ArsenalError>({ type: 'object', description: 'Why not.' });

/** What became of each node that was asked. */
export const coverageResult = Type.Unsafe<Coverage>({
  type: 'array',
  description: 'What became of each node that was asked.',
  items: Type.Object({
    node: Type.String(),
    status: Type.Enum(['ok', 'partial', 'missing']),
    error: Type.Optional(Type.Unsafe<ArsenalError>({ type: 'object' })),
  }),
});

export const placementOfProcess = {
  pid: Type.String({ description: 'The id of the process.' }),
  node: Type.String(),
  display: Type.String({ description: 'As its own node prints it.' }),
};

export const statsResult = Type.Object({
  uptimeMs: nullable(Type.Number()),
  processCount: Type.Integer(),
  processLimit: nullable(Type.Integer()),
  runQueue: Type.Integer(),
  memoryBytes: nullable(Type.Number()),
  atomCount: nullable(Type.Integer()),
  reductions: Type.Number(),
  schedulersOnline: Type.Integer(),
});

export const supervisorFlagsResult = Type.Object({
  strategy: Type.String(),
  intensity: Type.Integer(),
  periodSeconds: Type.Number(),
  autoShutdown: Type.String(),
});
