/** Module `gen_statem` as loaded code: its functions by name and arity. */
import type { Value } from '../../term/values.ts';
import { a, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged, partsOf } from '../kernel/values.ts';
import { castByName, fromOf, genAtoms, genCall, reachable, reply } from './gen.ts';
import {
  formatOptions,
  functionClause,
  loopOptions,
  moduleOf,
  moduleStartFunctions,
  nameOf,
  reportOf,
  requestFunctions,
  requestIdsOrClause,
  serverOf,
  timeoutOf,
} from './genServerModule.ts';
import { enterMachine, startMachine } from './genStatem.ts';
import type { ServerName } from './names.ts';
import { sendRequest } from './requests.ts';
import { statemReportPieces } from './statemReport.ts';
import { stop } from './stop.ts';
import { formatAndArgs, formatDepth, formatted } from './text.ts';

/** `{clean_timeout, T}` and `{dirty_timeout, T}`; a time-out alone is a clean one. */
function limitOf(value: Value): { readonly ms: number | null; readonly clean: boolean } {
  if (value === atoms.infinity) return { ms: null, clean: false };
  const clean = tagged(value, a('clean_timeout'), 2);
  const dirty = tagged(value, a('dirty_timeout'), 2);
  if (clean !== null) return { ms: timeoutOf(asValue(clean[1])), clean: true };
  if (dirty !== null) return { ms: timeoutOf(asValue(dirty[1])), clean: false };
  if (value instanceof Tuple) throw new ErrorException(atoms.badarg);
  return { ms: timeoutOf(value), clean: true };
}

/** `gen_statem:call/3`: a clean one by a process of its own, except to a process here, so that no late answer ever comes. */
function* call(self: Self, args: readonly Value[]): Flow<Value> {
  const [server, request, limit] = args;
  const { ms, clean } = limitOf(limit);
  const target = serverOf(server);
  try {
    const found = clean ? reachable(self, target) : null;
    const isFar = clean && !(found instanceof Pid && found.node === self.node);
    if (!isFar) return yield* genCall(self, target, genAtoms.call, request, ms);
    const ref = self.makeRef();
    const caller = self.pid;
    const body = function* (own: Self): Flow<void> {
      try {
        const answer = yield* genCall(own, target, genAtoms.call, request, ms);
        own.send(caller, tup(ref, tup(atoms.ok, answer)));
      } catch (thrown) {
        if (!(thrown instanceof ExitException)) throw thrown;
        own.send(caller, tup(ref, tup(atoms.exit, thrown.reason)));
      }
    };
    self.spawnBody({ is: 'flow', run: body }, { module: 'gen_statem', function: 'call_clean', arity: 4 });
    const message = yield* receive({ marker: ref, match: (candidate) => elementsOf(candidate)?.[0] === ref });
    const [tag, value] = partsOf(elementsOf(message)?.[1]);
    return tag === atoms.ok ? asValue(value) : self.exit(asValue(value));
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
    return self.exit(tup(thrown.reason, tup(a('gen_statem'), a('call'), args)));
  }
}

function replies(self: Self, value: Value): Value {
  const all = isList(value) ? value.map(asValue) : [value];
  for (const one of all) {
    const elements = tagged(one, a('reply'), 3);
    const from = fromOf(elements?.[1]);
    if (elements === null || from === null) return functionClause();
    reply(self, from, asValue(elements[2]));
  }
  return atoms.ok;
}

function* enter(
  self: Self,
  [module, options, state, data]: readonly Value[],
  name: Value,
  actions: Value,
): Flow<Value> {
  const own: { readonly name?: ServerName } = name instanceof Pid ? {} : { name: nameOf(name) };
  const first = { state, data, actions: isList(actions) ? actions.map(asValue) : [actions] };
  return yield* enterMachine(self, moduleOf(module), first, { ...loopOptions(options), ...own });
}

export const genStatemModule: CodeModule = {
  name: 'gen_statem',
  functions: {
    ...moduleStartFunctions(startMachine),
    'stop/1': (self, server) => stop(self, serverOf(server)),
    'stop/3': (self, server, reason, timeout) => stop(self, serverOf(server), reason, timeoutOf(timeout)),
    'call/2': (self, server, request) => call(self, [server, request, atoms.infinity]),
    'call/3': (self, ...args) => call(self, args),
    *'cast/2'(self, server, message): Flow<Value> {
      yield* castByName(self, serverOf(server), message);
      return atoms.ok;
    },
    'reply/1': replies,
    'reply/2': (self, from, answer) => replies(self, tup(a('reply'), from, answer)),
    'send_request/2': (self, server, request) => sendRequest(self, serverOf(server), request),
    *'send_request/4'(self, server, request, label, ids): Flow<Value> {
      return new Map([...requestIdsOrClause(ids), [yield* sendRequest(self, serverOf(server), request), label]]);
    },
    'enter_loop/4': (self, ...args) => enter(self, args, self.pid, []),
    'enter_loop/5': (self, ...args) =>
      isList(args[4]) ? enter(self, args, self.pid, args[4].map(asValue)) : enter(self, args, args[4], []),
    'enter_loop/6': (self, ...args) => enter(self, args, args[4], args[5]),
    ...requestFunctions,
    *'format_log/1'(self, report): Flow<Value> {
      return formatAndArgs(statemReportPieces(self, reportOf(report), false), yield* formatDepth(self));
    },
    'format_log/2': (self, report, options) => {
      const format = formatOptions(options);
      return formatted(statemReportPieces(self, reportOf(report), format.singleLine === true), format);
    },
  },
};
