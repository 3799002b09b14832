/** Scenarios of what processes do to each other: links, monitors, aliases, exits, names, messages, timers. */
import type { Prng } from '../../runtime/embedded/kernel/prng.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Data, Operation, Scenario } from './scenario.ts';

/** Chance, as the makers of scenarios use it. */
export type Draw = {
  readonly below: (below: number) => number;
  readonly one: <T>(choices: readonly T[]) => T;
  /** True in `percent` of a hundred. */
  readonly chance: (percent: number) => boolean;
};

export function draws(prng: Prng): Draw {
  return {
    below: (below) => prng.below(below),
    one: (choices) => choices[prng.below(choices.length)]!,
    chance: (percent) => prng.below(100) < percent,
  };
}

export const reasons: readonly Data[] = ['normal', 'shutdown', 'boom', 'kill', 'killed', ['shutdown', 'x'], ['bad', 7]];
const names = ['n0', 'n1', 'n2'] as const;
const tags = ['t0', 't1', 't2', 't3'] as const;
const mostActors = 9;

/** A scenario of 12 to 32 steps over 3 to 9 processes. The same seed makes the same scenario. */
export function processScenario(seed: number): Scenario {
  const draw = draws(seededPrng(seed).split('process'));
  const actors = 3 + draw.below(3);
  let spawned = actors;
  const steps: Operation[][] = [];
  for (let left = 12 + draw.below(21); left > 0; left -= 1) {
    if (spawned < mostActors && draw.chance(12)) {
      const how = draw.one<Data>(['none', 'link', 'link', ['monitor', draw.below(3)]]);
      steps.push([['spawn', draw.below(spawned), spawned, how]]);
      spawned += 1;
      continue;
    }
    if (draw.chance(12)) steps.push(burst(draw, spawned));
    else steps.push([operation(draw, spawned)]);
  }
  for (let actor = 0; actor < spawned; actor += 1) steps.push([['info', actor, (actor + 1) % spawned]]);
  return { seed, actors, steps };
}

/** Several signals at once, whose effects meet: only such whose outcome OTP leaves to no chance of its own. */
function burst(draw: Draw, actors: number): Operation[] {
  return Array.from({ length: 2 + draw.below(3) }, (): Operation => {
    const by = draw.below(actors);
    const other = draw.below(actors);
    switch (draw.below(6)) {
      case 0:
        return ['exit2', by, other, draw.one(reasons)];
      case 1:
        return ['unlink', by, other];
      case 2:
        return ['monitor', by, other, draw.below(3), { list: [] }];
      case 3:
        return ['demonitor', by, draw.below(3), { list: [draw.one(['flush', 'info'])] }];
      case 4:
        return ['exit1', by, 'exit', draw.one(reasons)];
      default:
        return ['send', by, other, draw.one(tags)];
    }
  });
}

function operation(draw: Draw, actors: number): Operation {
  const by = draw.below(actors);
  const other = draw.below(actors);
  const name = draw.one(names);
  const slot = draw.below(3);
  switch (draw.below(30)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return ['link', by, other];
    case 4:
    case 5:
      return ['unlink', by, other];
    case 6:
    case 7:
    case 8:
      return ['monitor', by, draw.chance(70) ? other : name, slot, { list: monitorOptions(draw) }];
    case 9:
    case 10:
      return ['demonitor', by, slot, { list: demonitorOptions(draw) }];
    case 11:
      return ['exit1', by, draw.one(['exit', 'exit', 'error', 'throw', 'return']), draw.one(reasons)];
    case 12:
    case 13:
      return ['exit2', by, other, draw.one(reasons)];
    case 14:
    case 15:
      return ['trap', by, draw.chance(65)];
    case 16:
    case 17:
      return ['send', by, other, draw.one(tags)];
    case 18:
      return ['send', by, draw.chance(50) ? name : ['alias', other, slot], draw.one(tags)];
    case 19:
      return ['send', by, ['alias', other, slot], draw.one(tags)];
    case 20:
      return ['register', by, draw.chance(95) ? name : 'undefined', draw.chance(50) ? by : other];
    case 21:
      return draw.chance(60) ? ['register', by, name, other] : ['unregister', by, name];
    case 22:
      return draw.chance(50) ? ['whereis', by, name] : ['alive', by, other];
    case 23:
      return ['alias', by, slot, draw.one(['explicit_unalias', 'reply'])];
    case 24:
      return ['unalias', by, slot];
    case 25:
    case 26:
      return draw.chance(60) ? ['hold', by, draw.chance(70)] : ['info', by, other];
    case 27:
    case 28:
      return ['recv', by, pattern(draw, actors), draw.chance(95) ? 0 : 1];
    default:
      return timer(draw, by, actors);
  }
}

function monitorOptions(draw: Draw): readonly Data[] {
  const options: Data[] = [];
  if (draw.chance(30)) options.push(['tag', draw.one<Data>(['GONE', ['gone', 3]])]);
  if (draw.chance(45)) options.push(['alias', draw.one(['explicit_unalias', 'demonitor', 'reply_demonitor'])]);
  return options;
}

function demonitorOptions(draw: Draw): readonly Data[] {
  return draw.one<readonly Data[]>([[], ['flush'], ['info'], ['flush', 'info']]);
}

function pattern(draw: Draw, actors: number): Data {
  return draw.one<Data>([
    'any',
    'exit',
    ['from', draw.below(actors)],
    ['what', draw.one(tags)],
    ['down', draw.below(3)],
  ]);
}

function timer(draw: Draw, by: number, actors: number): Operation {
  const slot = draw.below(2);
  if (draw.chance(25)) return ['cancel', by, slot];
  if (draw.chance(20)) return ['read', by, slot];
  const to = draw.chance(70) ? draw.below(actors) : draw.one(names);
  return ['timer', by, slot, draw.one(['send_after', 'start_timer']), draw.chance(10) ? 1 : 60_000, to];
}
