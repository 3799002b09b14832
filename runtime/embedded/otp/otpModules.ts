/** The modules of stdlib and of Elixir that every node has loaded: what can be called by module, function and arguments. */
import type { CodeModule } from '../kernel/module.ts';
import { elixirModules } from './elixirModules.ts';
import { etsModule } from './ets/etsModule.ts';
import { genEventModule } from './genEventModule.ts';
import { genServerModule } from './genServerModule.ts';
import { genStatemModule } from './genStatemModule.ts';
import { procLibModule } from './procLibModule.ts';
import { supervisorModule } from './supervisorModule.ts';
import { sysFunctions } from './sysFunctions.ts';
import { sysModule } from './systemMessages.ts';

export const otpModules: readonly CodeModule[] = [
  etsModule,
  genEventModule,
  genServerModule,
  genStatemModule,
  procLibModule,
  supervisorModule,
  { ...sysModule, functions: { ...sysModule.functions, ...sysFunctions } },
  ...elixirModules,
];
