/** Measures in a process of its own, made into one file as the extension is: a module in many files costs each call more. */
import process from 'node:process';
import { readCosts } from './pipelineCosts.ts';
import { rowCosts } from './rowCosts.ts';

const [what, nodes, each] = process.argv.slice(2);
const measured = what === 'rows' ? rowCosts(Number(nodes), Number(each)) : readCosts();
void measured.then((costs) => process.send?.(costs));
