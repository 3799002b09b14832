/** Measures reads in a process of its own, made into one file as the extension is: a module in many files costs each call more. */
import process from 'node:process';
import { readCosts } from './pipelineCosts.ts';

void readCosts().then((costs) => process.send?.(costs));
