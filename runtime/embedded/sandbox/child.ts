/**
 * Entry of a forked process: a sandbox, which runs one module of a user, or (with the argument `guard`) the guard of all sandboxes of
 * one owner. Either ends when its owner does.
 */
import process from 'node:process';
import { runGuard } from './guard.ts';
import { runSandbox } from './sandboxProcess.ts';

if (process.argv[2] === 'guard') runGuard();
else runSandbox();
