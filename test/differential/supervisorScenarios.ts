/** Scenarios of supervisors: every strategy, children that end, ignore, fail to start or will not go, and all that can be asked. */
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Draw } from './processScenarios.ts';
import { draws, reasons } from './processScenarios.ts';
import type { Data, Operation, Scenario } from './scenario.ts';

const ids = ['a', 'b', 'c', 'd', 'e'] as const;
const strategies = ['one_for_one', 'one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'] as const;
/** Nothing else is done by this actor: it only lets time pass where a child will not go. */
const clock = 2;

type Plan = {
  readonly draw: Draw;
  readonly simple: boolean;
  readonly autoShutdown: Data;
  /** With a child that does not obey `shutdown`: it is given 5 ms, which have to pass. */
  readonly stubborn: boolean;
  /** Names by which children can be reached. */
  readonly children: string[];
};

/** A supervisor, sometimes with another below it, under 10 to 24 steps. The same seed makes the same scenario. */
export function supervisorScenario(seed: number): Scenario {
  const draw = draws(seededPrng(seed).split('supervisor'));
  const strategy = draw.one(strategies);
  const simple = strategy === 'simple_one_for_one';
  const autoShutdown = simple || draw.chance(70) ? 'never' : draw.one(['any_significant', 'all_significant']);
  const plan: Plan = { draw, simple, autoShutdown, stubborn: draw.chance(3), children: [] };
  const steps: Operation[][] = [[['trap', 0, draw.chance(85)]]];
  for (const id of ids) if (draw.chance(45)) steps.push([['outcomes', 0, 1, id, { list: outcomes(plan) }]]);
  const specs = simple ? [spec(plan, 'simple')] : ids.slice(0, draw.below(4)).map((id) => spec(plan, id));
  if (!simple && draw.chance(20)) specs.push(nested(plan, steps));
  for (const id of ids) plan.children.push(`c1_${id}`);
  steps.push([
    [
      'sup_start',
      0,
      1,
      flags(strategy, draw.below(4), autoShutdown),
      { list: draw.chance(97) ? specs : bad(draw, specs) },
    ],
  ]);
  if (simple)
    steps.push([['sup', 1, 1, 'start_simple', { list: ['a'] }]], [['sup', 1, 1, 'start_simple', { list: ['b'] }]]);
  for (let left = 8 + draw.below(15); left > 0; left -= 1) {
    const operations = draw.chance(10) ? [ending(plan), ending(plan)] : [operation(plan)];
    steps.push(plan.stubborn ? [...operations, ['wait', clock, 0, 25]] : operations);
  }
  steps.push([['sup', 1, 1, 'which_children']], [['sup', 1, 1, 'count_children']], [['info', 1, 's1']]);
  return { seed, actors: 3, steps };
}

function flags(strategy: Data, intensity: number, autoShutdown: Data): Data {
  return {
    map: [
      ['strategy', strategy],
      ['intensity', intensity],
      ['period', 3600],
      ['auto_shutdown', autoShutdown],
    ],
  };
}

function spec(plan: Plan, id: string, type: Data = 'worker'): Data {
  const { draw } = plan;
  const restart = draw.one(['permanent', 'permanent', 'transient', 'temporary']);
  const shutdown = plan.stubborn
    ? draw.one<Data>([5, 'brutal_kill'])
    : draw.one<Data>([5000, 'brutal_kill', 'infinity']);
  // Permanent children may not be significant, nor any where the supervisor never ends for it: now and then it is tried.
  const sensible = restart !== 'permanent' && plan.autoShutdown !== 'never';
  return ['child', id, restart, shutdown, type, draw.chance(sensible ? 60 : 1)];
}

function bad(draw: Draw, specs: readonly Data[]): readonly Data[] {
  return [
    ...specs,
    draw.one<Data>([
      ['child', 'z', 'sometimes', 5000, 'worker', false],
      ['child', 'z', 'permanent', 'soon', 'worker', false],
      ['child', 'z', 'permanent', 5000, 'boss', false],
      'nonsense',
      ['child', 'a', 'permanent', 5000, 'worker', false],
      { map: [['id', 'z']] },
    ]),
  ];
}

function outcomes({ draw, stubborn }: Plan): readonly Data[] {
  return Array.from({ length: 1 + draw.below(4) }, () => {
    if (stubborn && draw.chance(50)) return 'stubborn';
    return draw.one<Data>([
      'ok',
      'ok',
      'ok',
      'trap',
      'trap',
      'extra',
      'ignore',
      ['error', 'unlucky'],
      ['exit', 'unlucky'],
      ['crash', 'unlucky'],
      ['throw', 'unlucky'],
      'bad',
    ]);
  });
}

/** A child that is a supervisor with children of its own. */
function nested(plan: Plan, steps: Operation[][]): Data {
  const { draw } = plan;
  const below: Plan = { ...plan, autoShutdown: 'never', simple: false };
  const specs = ids.slice(0, 1 + draw.below(2)).map((id) => spec(below, id));
  const made: Data = [
    'supervisor',
    2,
    flags(draw.one(strategies.slice(0, 4)), draw.below(3), 'never'),
    { list: specs },
  ];
  steps.push([['outcomes', 0, 1, 'n', { list: [made, made, made] }]]);
  plan.children.push('c2_a', 'c2_b', 's2');
  return spec(plan, 'n', 'supervisor');
}

function operation(plan: Plan): Operation {
  const { draw } = plan;
  const by = draw.chance(70) ? 1 : 0;
  const id = draw.one([...ids, 'z']);
  const which: Data = plan.simple && draw.chance(80) ? ['pid', `c1_${id}`] : id;
  switch (draw.below(14)) {
    case 0:
    case 1:
      if (plan.simple) return ['sup', by, 1, 'start_simple', { list: draw.chance(95) ? [id] : [] }];
      return ['sup', by, 1, 'start_child', draw.chance(95) ? spec(plan, id) : bad(draw, [])[0]!];
    case 2:
    case 3:
      return ['sup', by, 1, 'terminate_child', which];
    case 4:
      return ['sup', by, 1, 'restart_child', id];
    case 5:
      return ['sup', by, 1, 'delete_child', id];
    case 6:
      return ['sup', by, 1, draw.one(['which_children', 'count_children'])];
    case 7:
      return ['sup', by, 1, 'get_childspec', which];
    case 8:
      return draw.chance(30) ? ['exit2', by, 's1', draw.one(reasons)] : ending(plan);
    case 9:
      return draw.chance(25) ? ['exit1', 0, 'exit', draw.one(reasons)] : ending(plan);
    default:
      return ending(plan);
  }
}

/** Something that a child may end by. */
function ending({ draw, children }: Plan): Operation {
  const child = draw.one(children);
  const reason = draw.one(reasons);
  if (draw.chance(60) && !child.startsWith('s')) {
    return ['exit1', child, draw.one(['exit', 'exit', 'exit', 'error', 'return']), reason];
  }
  return ['exit2', 1, child, reason];
}
