/** Module `supervisor`, as code that child specifications, spawns and calls by name reach. */
import type { Value } from '../../term/values.ts';
import { Atom } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms } from '../kernel/values.ts';
import { checkChildSpecs } from './checkSpec.ts';
import { nameOf, serverOf } from './genServerModule.ts';
import type { Server } from './names.ts';
import { formatLog } from './otpReports.ts';
import type { SupervisorModule } from './supervisor.ts';
import {
  countChildren,
  deleteChild,
  getCallbackModule,
  getChildSpec,
  restartChild,
  startChild,
  startSupervisor,
  terminateChild,
  whichChildren,
} from './supervisor.ts';
import { formatDepth } from './text.ts';

/** The callback module of this name, asked by `Module:init/1`. */
export function callbackModule(module: Value): SupervisorModule {
  if (!(module instanceof Atom)) throw new ErrorException(atoms.badarg);
  return {
    module: module.name,
    *init(self: Self, argument: Value) {
      return { term: yield* self.apply(module.name, 'init', [argument]) };
    },
  };
}

/** The functions of `supervisor` that name a supervisor first. */
function calls(call: (self: Self, server: Server, what: Value) => Flow<Value>): Code {
  return (self, server, what) => call(self, serverOf(server), what);
}

export const supervisorModule: CodeModule = {
  name: 'supervisor',
  functions: {
    'start_link/2': (self, module, argument) => startSupervisor(self, callbackModule(module), argument),
    'start_link/3': (self, name, module, argument) =>
      startSupervisor(self, callbackModule(module), argument, { name: nameOf(name) }),
    'start_child/2': calls(startChild),
    'terminate_child/2': calls(terminateChild),
    'restart_child/2': calls(restartChild),
    'delete_child/2': calls(deleteChild),
    'get_childspec/2': calls(getChildSpec),
    'which_children/1': calls(whichChildren),
    'count_children/1': calls(countChildren),
    'get_callback_module/1': (self, server) => getCallbackModule(self, serverOf(server)),
    *'format_log/1'(self, report) {
      return formatLog(report, yield* formatDepth(self));
    },
    'check_childspecs/1': (_self, specs) => checkChildSpecs(specs),
    'check_childspecs/2': (_self, specs, autoShutdown) => checkChildSpecs(specs, autoShutdown),
  },
};
