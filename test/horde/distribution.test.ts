/** The properties of Horde's uniform_distribution_test.exs, uniform_quorum_distribution_test.exs, uniform_random_distribution_test.exs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { a, tup } from '../../runtime/term/values.ts';
import type { MemberInfo, Status } from '../../runtime/embedded/horde/distribution.ts';
import { chooseQuorum, chooseRandom, chooseUniform } from '../../runtime/embedded/horde/distribution.ts';

const membersOf = (...statuses: readonly Status[]): fc.Arbitrary<readonly MemberInfo[]> =>
  fc
    .uniqueArray(fc.tuple(fc.nat(1000), fc.constantFrom(...statuses)), { selector: ([id]) => id, maxLength: 12 })
    .map((drawn) => drawn.map(([id, status]) => ({ name: tup(a('sup'), a(`n${id}@sim`)), status })));
const any = membersOf('alive', 'dead', 'shutting_down');
const none = membersOf('dead', 'shutting_down');
const spec = fc.string().map((identifier) => ({ id: identifier, start: tup(identifier) }));
const self: MemberInfo = { name: tup(a('sup'), a('self@sim')), status: 'alive' };

describe('UniformDistribution', () => {
  it('chooses one of the members', () => {
    fc.assert(
      fc.property(any, spec, (members, child) => {
        const all = [self, ...members];
        const choice = chooseUniform(child, all);
        expect('member' in choice && choice.member.status === 'alive' && all.includes(choice.member)).toBe(true);
      }),
    );
  });
  it('returns error if no alive nodes are available', () => {
    fc.assert(
      fc.property(none, spec, (members, child) => {
        expect(chooseUniform(child, members)).toEqual({ error: 'no_alive_nodes' });
      }),
    );
  });
});

describe('UniformQuorumDistribution', () => {
  it('chooses one of the members', () => {
    fc.assert(
      fc.property(any, spec, (members, child) => {
        fc.pre(members.length >= 2);
        const turned: { readonly [status in Status]: Status } = {
          alive: 'dead',
          dead: 'alive',
          shutting_down: 'shutting_down',
          uninitialized: 'uninitialized',
        };
        const other = members.map((member) => ({ ...member, status: turned[member.status] }));
        const chosen = [members, other].filter((side) => 'member' in chooseQuorum(child, side));
        expect(chosen).toHaveLength(members.every(({ status }) => status === 'shutting_down') ? 0 : 1);
      }),
    );
  });
});

describe('UniformRandomDistribution', () => {
  const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  it('chooses one of the members that is alive', () => {
    fc.assert(
      fc.property(any, drawn, (members, number) => {
        const choice = chooseRandom([self, ...members], number);
        expect('member' in choice && choice.member.status).toBe('alive');
      }),
    );
  });
  it('returns error if no alive nodes are available', () => {
    fc.assert(
      fc.property(none, drawn, (members, number) => {
        expect(chooseRandom(members, number)).toEqual({ error: 'no_alive_nodes' });
      }),
    );
  });
});
