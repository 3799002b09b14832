/** Scenarios of gen_servers: how they start, are asked, told, stopped and looked into by `sys`, and how they end. */
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Draw } from './processScenarios.ts';
import { draws, reasons } from './processScenarios.ts';
import type { Data, Operation, Scenario } from './scenario.ts';

const names = ['n0', 'n1'] as const;
const values = ['t0', 't1', 't2', 't3'] as const;
const actors = 4;
const mostServers = 4;

/** Two to four gen_servers and their callers under 14 to 32 steps. The same seed makes the same scenario. */
export function serverScenario(seed: number): Scenario {
  const draw = draws(seededPrng(seed).split('server'));
  // One that is suspended while it hibernates runs in a circle as soon as a message waits for it (sys:suspend_loop_hib/7): either, or.
  const hibernates = draw.chance(40);
  const steps: Operation[][] = [];
  for (let actor = 0; actor < actors; actor += 1) if (draw.chance(50)) steps.push([['trap', actor, true]]);
  let servers = 0;
  for (let left = 14 + draw.below(19); left > 0; left -= 1) {
    if (servers === 0 || (servers < mostServers && draw.chance(15))) {
      servers += 1;
      steps.push([start(draw, servers)]);
    } else
      steps.push(draw.chance(12) ? [operation(draw, servers), operation(draw, servers)] : [operation(draw, servers)]);
  }
  if (hibernates)
    return finished(
      seed,
      steps.map((step) => step.filter(([, , , what]) => what !== 'suspend')),
      servers,
      draw,
    );
  return finished(
    seed,
    steps.map((step) => step.filter((one) => !JSON.stringify(one).includes('"hibernate"'))),
    servers,
    draw,
  );
}

function finished(seed: number, steps: Operation[][], servers: number, draw: Draw): Scenario {
  for (let server = 1; server <= servers; server += 1) steps.push([['info', draw.below(actors), `g${server}`]]);
  return { seed, actors, steps };
}

function start(draw: Draw, server: number): Operation {
  const how = draw.one(['start', 'start_link', 'start_link', 'start_monitor']);
  const outcome = draw.one<Data>([
    'ok',
    'ok',
    'ok',
    'ok',
    'trap',
    'trap',
    'ignore',
    'bad',
    ['continue', request(draw, 0)],
    ['timeout', 0],
    ['stop', draw.one(reasons)],
    [draw.one(['error', 'exit', 'throw']), draw.one(reasons)],
  ]);
  return ['server', draw.below(actors), server, how, draw.chance(40) ? draw.one(names) : 'none', outcome];
}

function operation(draw: Draw, servers: number): Operation {
  const by = draw.below(actors);
  const server: Data = draw.chance(20) ? ['name', draw.one(names)] : 1 + draw.below(servers);
  switch (draw.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return ['call', by, server, request(draw, 0)];
    case 7:
    case 8:
    case 9:
      return ['cast', by, server, request(draw, 0)];
    case 10:
    case 11:
      return ['tell', by, server, request(draw, 0)];
    case 12:
      return draw.chance(60) ? ['stop', by, server, draw.one(reasons)] : ['trap', by, draw.chance(50)];
    case 13:
      return ['exit2', by, `g${1 + draw.below(servers)}`, draw.one(reasons)];
    case 14:
      return draw.chance(50) ? ['exit1', by, 'exit', draw.one(reasons)] : ['link', by, `g${1 + draw.below(servers)}`];
    default:
      return system(draw, by, server);
  }
}

function system(draw: Draw, by: number, server: Data): Operation {
  switch (draw.below(8)) {
    case 0:
    case 1:
      return ['sys', by, server, 'suspend'];
    case 2:
    case 3:
    case 4:
      return ['sys', by, server, 'resume'];
    case 5:
      return ['sys', by, server, draw.one(['get_state', 'status'])];
    case 6:
      return ['sys', by, server, 'replace_state', { list: [draw.one(values)] }];
    default: {
      if (draw.chance(30)) return ['sys', by, server, 'terminate', draw.one(reasons)];
      const extra = draw.one<Data>([
        ['ok', draw.one(values)],
        ['error', 'no'],
        ['crash', 'no'],
      ]);
      return ['sys', by, server, 'change_code', extra];
    }
  }
}

function request(draw: Draw, depth: number): Data {
  const value = draw.one(values);
  switch (draw.below(depth === 0 ? 20 : 9)) {
    case 0:
    case 1:
    case 2:
      return ['push', value];
    case 3:
      return 'keep';
    case 4:
      return ['answer', value];
    case 5:
      return ['early', value];
    case 6:
      return ['hibernate', value];
    case 7:
      return draw.chance(50) ? ['trap', draw.chance(60)] : ['timeout', 0, value];
    case 8:
      return draw.one<Data>([
        ['stop', draw.one(reasons)],
        ['stop', draw.one(reasons), value],
        [draw.one(['error', 'exit', 'throw']), draw.one(reasons)],
        'bad',
      ]);
    case 9:
    case 10:
      return ['continue', request(draw, depth + 1)];
    case 11:
      return [draw.one(['link', 'monitor']), draw.below(actors)];
    case 12:
    case 13:
      return ['timeout', 0, value];
    case 14:
      return ['answer', value];
    default:
      return ['reply', value];
  }
}
