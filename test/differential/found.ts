/** The smallest scenarios in which the two once saw different things, with what OTP 25 sees. */
import type { Log, Operation, Scenario } from './scenario.ts';

export type Found = { readonly what: string; readonly scenario: Scenario; readonly otp: Log };

function scenario(...steps: readonly (readonly Operation[])[]): Scenario {
  return { seed: 0, actors: 3, steps };
}
const flags = (strategy: string, intensity: number) =>
  ({
    map: [
      ['strategy', strategy],
      ['intensity', intensity],
      ['period', 3600],
    ],
  }) as const;

export const found: readonly Found[] = [
  {
    what: 'a process that monitors itself has no monitor',
    scenario: scenario(
      [['monitor', 0, 0, 0, { list: [] }]],
      [['info', 1, 0]],
      [['demonitor', 0, 0, { list: ['info'] }]],
    ),
    otp: ['0 p0 own {monitor,r0_1}', '1 p1 own {info,{[],[],[],[],false,0}}', '2 p0 own {demonitor,false}'],
  },
  {
    what: 'nor one that monitors its own name, and no alias by that either',
    scenario: scenario(
      [['register', 0, 'n0', 0]],
      [['monitor', 0, 'n0', 0, { list: [['alias', 'explicit_unalias']] }]],
      [['info', 1, 0]],
      [['send', 1, ['alias', 0, 0], 't0']],
      [['unalias', 0, 0]],
    ),
    otp: [
      '0 p0 own {register,true}',
      '1 p0 own {monitor,r0_1}',
      '2 p1 own {info,{[],[],[],n0,false,0}}',
      '3 p1 own {send,sent}',
      '4 p0 own {unalias,false}',
    ],
  },
  {
    what: 'a timer for a process that has ended is gone; one for a name stays',
    scenario: scenario(
      [['timer', 0, 0, 'send_after', 60_000, 1]],
      [['timer', 0, 1, 'start_timer', 60_000, 'n0']],
      [['read', 0, 0]],
      [['exit1', 1, 'exit', 'boom']],
      [['read', 0, 0]],
      [['cancel', 0, 0]],
      [['cancel', 0, 1]],
      [['cancel', 0, 1]],
    ),
    otp: [
      '0 p0 own {timer,r0_1}',
      '1 p0 own {timer,r0_2}',
      '2 p0 own {read,true}',
      '3 p1 died {died,p1,boom}',
      '4 p0 own {read,false}',
      '5 p0 own {cancel,false}',
      '6 p0 own {cancel,true}',
      '7 p0 own {cancel,false}',
    ],
  },
  {
    what: 'a DOWN that is on its way does not come after a demonitor, which found the monitor',
    scenario: scenario(
      [['exit1', 1, 'exit', 'boom']],
      [
        ['monitor', 0, 1, 0, { list: [] }],
        ['demonitor', 0, 0, { list: ['info'] }],
      ],
    ),
    otp: ['0 p1 died {died,p1,boom}', '1 p0 own {monitor,r0_1}', '1 p0 own {demonitor,true}'],
  },
  {
    what: 'an exit signal that goes by way of another process arrives behind what was sent straight',
    scenario: scenario(
      [['link', 0, 1]],
      [['link', 1, 2]],
      [
        ['exit1', 0, 'exit', 'boom'],
        ['exit1', 2, 'exit', 'shutdown'],
      ],
    ),
    otp: [
      '0 p0 own {link,true}',
      '1 p1 own {link,true}',
      '2 p0 died {died,p0,boom}',
      '2 p1 died {died,p1,boom}',
      '2 p2 died {died,p2,shutdown}',
    ],
  },
  {
    what: 'sys:replace_state of nobody names the whole request',
    scenario: scenario(
      [['sys', 0, ['name', 'n0'], 'replace_state', { list: [] }]],
      [['sys', 0, ['name', 'n0'], 'get_state']],
    ),
    otp: [
      "0 p0 own {sys,{exit,{noproc,{sys,{replace_state,'fun'},[n0,infinity]}}}}",
      '1 p0 own {sys,{exit,{noproc,{sys,get_state,[n0,infinity]}}}}',
    ],
  },
  {
    what: 'who starts by start_monitor is the parent',
    scenario: scenario(
      [['server', 0, 1, 'start_monitor', 'none', 'trap']],
      [['sys', 1, 1, 'status']],
      [['exit1', 0, 'exit', 'boom']],
      [['info', 1, 'g1']],
    ),
    otp: [
      '0 g1 own {init,trap}',
      '0 p0 own {server,{ok,{g1,r0_1}}}',
      '1 p1 own {sys,{g1,{module,gen_server},running,p0,[]}}',
      '2 p0 died {died,p0,boom}',
      '3 p1 own {info,{[],[],[],[],true,0}}',
    ],
  },
  {
    what: 'a dynamic child that answered ignore to its restart goes with the next that is terminated and had ended',
    scenario: scenario(
      [['outcomes', 0, 1, 'a', { list: ['ok', 'ignore'] }]],
      [
        [
          'sup_start',
          0,
          1,
          flags('simple_one_for_one', 3),
          { list: [['child', 'simple', 'permanent', 5000, 'worker', false]] },
        ],
      ],
      [['sup', 0, 1, 'start_simple', { list: ['a'] }]],
      [['exit1', 'c1_a', 'exit', 'boom']],
      [['sup', 0, 1, 'which_children']],
      [['sup', 0, 1, 'terminate_child', ['pid', 'c1_a']]],
      [['sup', 0, 1, 'which_children']],
      [['sup', 0, 1, 'count_children']],
    ),
    otp: [
      '1 p0 own {sup_start,{ok,s1}}',
      '1 s1 s1 {born,s1}',
      '2 p0 own {sup,{ok,c1_a_1}}',
      '2 s1 c1_a_1 {born,c1_a_1}',
      '3 s1 c1_a_1 {died,c1_a_1,boom}',
      '3 s1 c1_a_2 {ignored,c1_a_2}',
      '4 p0 own {sup,[{undefined,undefined,worker,[differential]}]}',
      '5 p0 own {sup,ok}',
      '6 p0 own {sup,[]}',
      '7 p0 own {sup,[{specs,1},{active,0},{supervisors,0},{workers,0}]}',
    ],
  },
];
