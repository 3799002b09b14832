/** Random sequences of calls of ets, on up to four tables of every kind, by two processes. The same seed makes the same scenario. */
import { seededPrng } from '../../../runtime/embedded/kernel/prng.ts';
import type { Value } from '../../../runtime/term/values.ts';
import { a, Float, ImproperList, tup } from '../../../runtime/term/values.ts';
import type { Draw } from '../processScenarios.ts';
import { draws } from '../processScenarios.ts';

/**
 * What of an answer is the table's own affair, because OTP leaves the order of hash tables open: nothing, the order of the list, or
 * all but whether it is an error.
 */
export type Own = 'nothing' | 'order' | 'all';
/** One call: who makes it, and what it is. */
export type EtsStep = { readonly by: number; readonly operation: Value; readonly own: Own };
export type EtsScenario = { readonly seed: number; readonly steps: readonly EtsStep[] };

/** The scenario as ets_differential.erl reads it. */
export function scenarioValue({ steps }: EtsScenario): Value {
  return steps.map(({ by, operation }) => tup(by, operation));
}

type Kind = 'set' | 'ordered_set' | 'bag' | 'duplicate_bag';
const kinds: readonly Kind[] = ['set', 'ordered_set', 'bag', 'duplicate_bag'];
const any = a('_');
const whole = a('$_');
const one = a('$1');
const two = a('$2');

const keys: readonly Value[] = [
  ...[1, 2, 3, 4, 5],
  ...[new Float(1), new Float(2), 2.5, new Float(0), -7, 2n ** 70n],
  ...[a('a'), a('b'), true, 'x', 'y', tup(1, a('a')), tup(new Float(1), a('a')), [], [1], [1, a('b')]],
  ...[new ImproperList([a('p')], a('q')), { a: 1 }, new Map([[1, 2]])],
];
const values: readonly Value[] = [...keys, 0, 6, 7, tup(), [[]], { a: 1, b: [2] }, new Uint8Array([255, 0]), 'žluť'];

/** A scenario of 30 to 60 calls. */
export function etsScenario(seed: number): EtsScenario {
  const draw = draws(seededPrng(seed).split('ets'));
  const maker = new Maker(draw);
  const steps: EtsStep[] = [maker.table()];
  for (let left = 30 + draw.below(31); left > 0; left -= 1) steps.push(maker.step());
  return { seed, steps };
}

class Maker {
  readonly #draw: Draw;
  /** The kind and position of the key of each table that was made, as far as that went well. */
  readonly #tables: { readonly kind: Kind; readonly keyPosition: number }[] = [];

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  table(): EtsStep {
    const draw = this.#draw;
    const kind = draw.one(kinds);
    const keyPosition = draw.chance(15) ? 2 : 1;
    const options: Value[] = [a(kind)];
    if (draw.chance(70)) options.push(a(draw.one(['public', 'public', 'protected', 'private'])));
    if (keyPosition === 2) options.push(tup(a('keypos'), 2));
    if (draw.chance(30)) options.push(a('named_table'));
    if (draw.chance(20)) options.push(tup(a('heir'), tup(a('$pid'), draw.below(2)), draw.one(values)));
    if (draw.chance(8)) options.push(tup(a(draw.one(['read_concurrency', 'write_concurrency', 'nonsense'])), 'order'));
    if (draw.chance(3)) options.push(tup(a('keypos'), draw.one<Value>([0, a('x')])));
    const at = this.#tables.length;
    this.#tables.push({ kind, keyPosition });
    return this.#by(tup(a('new'), at, a(`t${at}`), options), 'nothing', draw.chance(80) ? 0 : 1);
  }

  step(): EtsStep {
    const draw = this.#draw;
    if (this.#tables.length < 4 && draw.chance(4)) return this.table();
    if (draw.chance(3)) return this.#by(tup(a('mail')), 'nothing');
    if (draw.chance(1)) return this.#by(tup(a('die')), 'nothing');
    const at = draw.below(this.#tables.length);
    const { kind, keyPosition } = this.#tables[at]!;
    const order: Own = kind === 'ordered_set' ? 'nothing' : 'order';
    const table = tup(a('$tab'), at);
    const call = (name: string, ...args: readonly Value[]) =>
      this.#by(tup(a('call'), a(name), [table, ...args]), 'nothing');
    const sorted = (name: string, ...args: readonly Value[]) =>
      this.#by(tup(a('call'), a(name), [table, ...args]), order);
    const key = draw.one(keys);
    switch (draw.below(34)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return call('insert', this.#object(keyPosition));
      case 6:
      case 7:
        return call('insert', this.#objects(keyPosition));
      case 8:
        return call('insert_new', draw.chance(50) ? this.#object(keyPosition) : this.#objects(keyPosition));
      case 9:
        return call('lookup', key);
      case 10:
        return call('lookup_element', key, draw.one<Value>([1, 2, 3, 0]));
      case 11:
        return call('member', key);
      case 12:
        return call('delete', key);
      case 13:
        return call('delete_object', this.#whole(keyPosition));
      case 14:
        return call('take', key);
      case 15:
        return sorted('tab2list');
      case 16:
        return this.#by(
          tup(a('keys'), table, ...draw.one([[a('first'), a('next')] as const, [a('last'), a('prev')] as const])),
          order,
        );
      case 17:
        return sorted('match', this.#pattern());
      case 18:
        return sorted('match_object', this.#pattern());
      case 19:
      case 20:
        return sorted('select', this.#spec());
      case 21:
        return sorted('select_reverse', this.#spec());
      case 22:
        return draw.chance(50)
          ? this.#by(
              tup(a('portions'), a(draw.one(['select', 'select_reverse'])), [table, this.#spec(), draw.below(4)]),
              order,
            )
          : this.#by(
              tup(a('portions'), a(draw.one(['match', 'match_object'])), [table, this.#pattern(), 1 + draw.below(3)]),
              order,
            );
      case 23:
        return call('select_count', this.#spec(true));
      case 24:
        return call('select_delete', this.#spec(true));
      case 25:
        return draw.chance(50) ? call('match_delete', this.#pattern()) : call('select_replace', this.#replacement());
      case 26:
      case 27:
        return call('update_counter', key, this.#counting(), ...(draw.chance(40) ? [this.#whole(keyPosition)] : []));
      case 28:
        return call('update_element', key, this.#changes());
      case 29:
        return this.#by(tup(a('fold'), a(draw.one(['foldl', 'foldr'])), table), order);
      case 30:
        return call('safe_fixtable', draw.chance(50));
      case 31:
        return call(
          'info',
          a(
            draw.one([
              'size',
              'owner',
              'heir',
              'type',
              'name',
              'keypos',
              'protection',
              'named_table',
              'fixed',
              'id',
              'node',
              'nope',
            ]),
          ),
        );
      case 32:
        return this.#rarely(at, table, call);
      default:
        return this.#by(
          tup(a('call'), a(draw.one(['next', 'next', 'prev'])), [table, key]),
          order === 'order' ? 'all' : 'nothing',
        );
    }
  }

  /** What changes a table as a whole. */
  #rarely(at: number, table: Value, call: (name: string, ...args: readonly Value[]) => EtsStep): EtsStep {
    const draw = this.#draw;
    switch (draw.below(9)) {
      case 0:
        return call('rename', a(draw.one([`r${at}`, `t${at}`])));
      case 1:
        return call('give_away', tup(a('$pid'), draw.below(2)), draw.one(values));
      case 2:
        return call('setopts', tup(a('heir'), tup(a('$pid'), draw.below(2)), draw.one(values)));
      case 3:
        return call('setopts', [tup(a('heir'), a('none'))]);
      case 4:
        return call('delete_all_objects');
      case 5:
        return draw.chance(30) ? call('delete') : call('info', a('size'));
      case 6:
        return this.#by(tup(a('call'), a('whereis'), [a(draw.one(['t0', 't1', 't2']))]), 'nothing');
      default:
        return this.#by(tup(a('erase'), table), 'order');
    }
  }

  #by(operation: Value, own: Own, by: number = this.#draw.chance(80) ? 0 : 1): EtsStep {
    return { by, operation, own };
  }

  #object(keyPosition: number): Value {
    return this.#draw.chance(2) ? tup(this.#draw.one(values)) : this.#whole(keyPosition);
  }
  /** With a key: OTP 25 reads behind the end of a tuple that is too short for `delete_object` and as a default. */
  #whole(keyPosition: number): Value {
    const draw = this.#draw;
    const key = draw.one(keys);
    const rest = Array.from({ length: 1 + draw.below(2) }, () => draw.one(values));
    return keyPosition === 2 ? tup(draw.one(values), key, ...rest) : tup(key, ...rest);
  }
  #objects(keyPosition: number): Value {
    const objects = Array.from({ length: this.#draw.below(5) }, () => this.#object(keyPosition));
    return this.#draw.chance(4) ? [...objects, a('none')] : objects;
  }

  #part(depth = 0): Value {
    const draw = this.#draw;
    if (depth < 2 && draw.chance(10)) return tup(this.#part(depth + 1), this.#part(depth + 1));
    if (depth < 2 && draw.chance(4)) return [this.#part(depth + 1)];
    if (depth < 2 && draw.chance(3)) return new ImproperList([this.#part(depth + 1)], this.#part(depth + 1));
    if (depth < 2 && draw.chance(3)) return { a: this.#part(depth + 1) };
    return draw.chance(60) ? draw.one([any, one, two, one, two]) : draw.one(values);
  }
  #pattern(): Value {
    const draw = this.#draw;
    if (draw.chance(8)) return draw.one<Value>([any, one, whole, a('x')]);
    return tup(...Array.from({ length: draw.chance(70) ? 2 : 3 }, () => this.#part()));
  }

  /** A term of a guard or a body; it may name a variable that the head does not bind. */
  #expression(depth = 0): Value {
    const draw = this.#draw;
    if (depth >= 3 || draw.chance(45)) {
      return draw.chance(60)
        ? draw.one<Value>([one, one, two, whole, a('$$')])
        : draw.one<Value>([0, 1, 2, 3, 7, 2.5, a('a'), true, false, 'x', []]);
    }
    const next = () => this.#expression(depth + 1);
    switch (draw.below(9)) {
      case 0:
        return tup(
          a(
            draw.one([
              'is_atom',
              'is_float',
              'is_integer',
              'is_list',
              'is_number',
              'is_tuple',
              'is_map',
              'is_binary',
              'is_pid',
              'not',
              'abs',
              'hd',
              'tl',
              'length',
              'size',
              'round',
              'trunc',
              'float',
              'bnot',
              '-',
              '+',
              'byte_size',
              'bit_size',
              'map_size',
              'is_function',
            ]),
          ),
          next(),
        );
      case 1:
      case 2:
        return tup(a(draw.one(['<', '>', '=<', '>=', '==', '/=', '=:=', '=/='])), next(), next());
      case 3:
        return tup(
          a(draw.one(['+', '-', '*', '/', 'div', 'rem', 'band', 'bor', 'bxor', 'bsr', 'xor', 'map_get', 'is_map_key'])),
          next(),
          next(),
        );
      case 4:
        return tup(a('element'), draw.one<Value>([1, 2, 3, next()]), next());
      case 5:
        return tup(a(draw.one(['and', 'or', 'andalso', 'orelse'])), ...Array.from({ length: 1 + draw.below(3) }, next));
      case 6:
        return tup(tup(...Array.from({ length: draw.below(3) }, next)));
      case 7:
        return draw.chance(50) ? [next(), next()] : { a: next() };
      default:
        return tup(a('const'), draw.one(values));
    }
  }
  /** With `truth`, bodies that are mostly `true`, which is what counts and deletes. */
  #spec(truth = false): Value {
    const draw = this.#draw;
    const clause = (): Value => {
      const guards = Array.from({ length: draw.chance(55) ? 0 : 1 + draw.below(2) }, () => this.#expression());
      const body = truth && draw.chance(70) ? true : this.#expression();
      return tup(this.#pattern(), guards, draw.chance(4) ? [this.#expression(), body] : [body]);
    };
    return Array.from({ length: draw.chance(85) ? 1 : draw.below(3) }, clause);
  }
  #replacement(): Value {
    const draw = this.#draw;
    const head = tup(draw.one([one, ...keys.slice(0, 12)]), two);
    const body = draw.one<Value>([
      whole,
      tup(tup(one, tup(tup(two, two)))),
      tup(tup(one, this.#expression(1))),
      tup(tup(tup(a('element'), 1, whole), a('z'))),
      tup(tup(draw.one(keys.slice(0, 8)), a('z'))),
      tup(tup(tup(a('const'), draw.one(keys.slice(0, 8))), two)),
    ]);
    return [tup(head, [], [body])];
  }

  #counting(): Value {
    const draw = this.#draw;
    const by = () => draw.one<Value>([1, -1, 3, 2n ** 60n, 0]);
    const single = (): Value =>
      draw.chance(40)
        ? tup(draw.one([2, 3]), by())
        : draw.chance(60)
          ? tup(draw.one([2, 3]), by(), draw.one([0, 5, 7]), draw.one([0, 1]))
          : tup(draw.one<Value>([1, 9, a('x'), 2]), draw.one<Value>([1, new Float(1)]));
    if (draw.chance(40)) return by();
    return draw.chance(70) ? single() : Array.from({ length: draw.below(3) }, single);
  }
  #changes(): Value {
    const draw = this.#draw;
    const change = (): Value => tup(draw.one([2, 2, 2, 3, 1, 9]), draw.one(values));
    return draw.chance(70) ? change() : Array.from({ length: draw.below(3) }, change);
  }
}
