/** Where the EPMD of a node listens, when the user does not say. */
import type { Result } from '../model.ts';
import { ok } from '../model.ts';
import { failure } from '../errors.ts';
import { defaultEpmdPort } from './dist/epmd.ts';

/** The port in `ERL_EPMD_PORT`, which OTP's own programs heed, else 4369. Error: `connect.bad_epmd_port`. */
export function epmdPortFrom(environment: NodeJS.ProcessEnv): Result<number> {
  const given = environment['ERL_EPMD_PORT'];
  if (given === undefined || given === '') return ok(defaultEpmdPort);
  const port = Number(given);
  if (/^\d{1,5}$/.test(given) && port > 0 && port < 65_536) return ok(port);
  return failure(
    'validation',
    'connect.bad_epmd_port',
    'ERL_EPMD_PORT is set, but to no port.',
    'Set it to a number from 1 to 65535, unset it, or give the port itself.',
    { details: { given: given.slice(0, 40) } },
  );
}
