/** Runs one work of ./works.ts in a process of its own, and prints how often it is done in a second of its CPU. */
import { works } from './works.ts';

/** CPU of the whole process, its garbage collector included, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const [, , name = '', countText = ''] = process.argv;
const work = Object.entries(works).find(([known]) => known === name)?.[1];
const count = Number(countText);
if (work === undefined || !(count > 0)) throw new Error(`usage: subject ${Object.keys(works).join('|')} COUNT`);

for (let round = 0; round < 2; round += 1) work(count);
const perSecond: number[] = [];
for (let round = 0; round < 5; round += 1) {
  const before = cpuMs();
  work(count);
  perSecond.push((count / (cpuMs() - before)) * 1000);
}
perSecond.sort((one, other) => one - other);
console.log(JSON.stringify({ perSecond: perSecond[2] }));
