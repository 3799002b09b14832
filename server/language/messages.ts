/**
 * What the client's messages must look like. The client may be any editor's, so a message is data from outside: it is checked
 * here, once, and a wrong one is answered as a `validation` failure, never by a crash further in.
 */
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { Errors, Check } from 'typebox/value';
import { failure } from '../../runtime/errors.ts';
import { agentChoices, localLaunchers, ok } from '../../runtime/model.ts';
import type { Failure, Json, Result } from '../../runtime/model.ts';
import { clusterExamples, operationLanguages } from '../protocol/lsp.ts';
import { historyBounds } from '../protocol/operation.ts';

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const connectionId = text(300);
const closed = { additionalProperties: false } as const;

const cookieSource = Type.Union([
  Type.Object({ from: Type.Literal('text'), value: Type.String({ maxLength: 255 }) }, closed),
  Type.Object({ from: Type.Literal('file'), path: text(4_096) }, closed),
  Type.Object({ from: Type.Literal('default') }, closed),
]);

const tlsFiles = Type.Object(
  {
    caFile: Type.Optional(text(4_096)),
    certFile: Type.Optional(text(4_096)),
    keyFile: Type.Optional(text(4_096)),
    servername: Type.Optional(text(255)),
    verify: Type.Optional(Type.Union([Type.Literal('peer'), Type.Literal('none')])),
  },
  closed,
);

/** `ConnectSpec` */
export const connectSpecSchema = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('simulated'),
      nodes: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
      seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })),
      time: Type.Optional(Type.Union([Type.Literal('live'), Type.Literal('deterministic')])),
      clusterFile: Type.Optional(text(4_096)),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('local-cluster'),
      project: Type.Optional(text(4_096)),
      launcher: Type.Optional(Type.Union(localLaunchers.map((name) => Type.Literal(name)))),
      nodes: Type.Optional(Type.Integer({ minimum: 1, maximum: 32 })),
      baseName: Type.Optional(text(64)),
      env: Type.Optional(Type.Record(text(100), Type.String({ maxLength: 4_096 }), { maxProperties: 100 })),
      applications: Type.Optional(Type.Array(text(100), { maxItems: 100 })),
      netTicktimeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600 })),
      preventOverlappingPartitions: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('beam'),
      node: text(255),
      cookie: cookieSource,
      address: Type.Optional(Type.Object({ host: text(255), port }, closed)),
      epmd: Type.Optional(Type.Object({ host: Type.Optional(text(255)), port: Type.Optional(port) }, closed)),
      erlEpmdPort: Type.Optional(port),
      tls: Type.Optional(tlsFiles),
      ssh: Type.Optional(Type.Object({ target: text(300) }, closed)),
      agent: Type.Optional(Type.Union(agentChoices.map((choice) => Type.Literal(choice)))),
    },
    closed,
  ),
]);

/** `{connection}` */
export const onConnectionSchema = Type.Object({ connection: connectionId });

/** `NodeLogParams` */
export const nodeLogSchema = Type.Object({
  connection: connectionId,
  node: Type.Union([text(255), Type.Null()]),
  from: Type.Union([
    Type.Object({ last: Type.Integer({ minimum: 0, maximum: 10_000 }) }, closed),
    Type.Object({ offset: Type.Integer({ minimum: 0 }) }, closed),
  ]),
});

/** `{connection, access}` */
export const setAccessSchema = Type.Object({
  connection: connectionId,
  access: Type.Union([Type.Literal('read_only'), Type.Literal('confirm'), Type.Literal('full')]),
});

/** `{topic}`; the topic has a decoder of its own, shared with the other transports. */
export const readTreeSchema = Type.Object({ topic: Type.Unknown() });

/** `ExecuteParams` */
export const executeSchema = Type.Object({
  requestId: text(200),
  connection: Type.Union([connectionId, Type.Null()]),
  operation: text(200),
  params: Type.Unsafe<Json>(Type.Any()),
  mode: Type.Union([Type.Literal('run'), Type.Literal('dry_run'), Type.Literal('validate')]),
  wantsProgress: Type.Optional(Type.Boolean()),
  traceparent: Type.Optional(text(200)),
  workDoneToken: Type.Optional(Type.Union([Type.String({ maxLength: 300 }), Type.Integer()])),
});

/** `{requestId}` */
export const outcomeSchema = Type.Object({ requestId: text(200) });

/** `ScaffoldParams` */
export const scaffoldSchema = Type.Object({
  name: text(100),
  workspaceFolder: text(4_096),
  language: Type.Optional(Type.Union(operationLanguages.map((language) => Type.Literal(language)))),
});

/** `ClusterScaffoldParams` */
export const scaffoldClusterSchema = Type.Object({
  workspaceFolder: text(4_096),
  name: Type.Optional(text(100)),
  example: Type.Optional(Type.Union(clusterExamples.map((example) => Type.Literal(example)))),
  language: Type.Optional(Type.Union([Type.Literal('ts'), Type.Literal('json')])),
});

const bounded = ([minimum, maximum]: readonly [number, number]) => Type.Integer({ minimum, maximum });
/** `HistoryLimits` */
export const historySchema = Type.Object({
  entries: bounded(historyBounds.entries),
  days: bounded(historyBounds.days),
  resultMinutes: bounded(historyBounds.resultMinutes),
  statsDays: bounded(historyBounds.statsDays),
});

/** `PolicySettings`: what stands in a setting is checked where it is put into force, and told piece by piece. */
const setting = Type.Optional(Type.Unsafe<Json>(Type.Any()));
export const policySettingsSchema = Type.Object(
  { roles: setting, rateLimits: setting, trustedOperations: setting },
  closed,
);

/** `ArsenalInitializationOptions` */
export const initializationSchema = Type.Object({
  home: Type.Optional(text(4_096)),
  trusted: Type.Boolean(),
  history: Type.Optional(historySchema),
  policy: Type.Optional(policySettingsSchema),
  protocolVersion: Type.Object({ major: Type.Integer({ minimum: 0 }), minor: Type.Integer({ minimum: 0 }) }),
});

/** The message when it has the shape of `schema`, else a `validation` failure that points at the first wrong place. */
export function decode<S extends TSchema>(schema: S, message: unknown): Result<Type.Static<S>> {
  if (Check(schema, message)) return ok(message);
  const [first] = Errors(schema, message);
  return malformed(first?.instancePath ?? '', first?.message ?? 'is not well-formed');
}

/** A request that is wrong at `pointer`. */
export function malformed(pointer: string, what: string): Failure {
  return failure(
    'validation',
    'request.malformed',
    `The request is not well-formed: ${pointer === '' ? 'it' : pointer} ${what}.`,
    'See docs/protocol.md for the shape of each request.',
    { pointer },
  );
}
