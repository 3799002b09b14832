/** Measures in a process of its own, made into one file as the extension is: a module in many files costs each call more. */
import process from 'node:process';
import { readCosts } from './pipelineCosts.ts';
import { rowCosts } from './rowCosts.ts';

const measure = process.argv[2] === 'rows' ? rowCosts : readCosts;
void measure().then((costs) => process.send?.(costs));
