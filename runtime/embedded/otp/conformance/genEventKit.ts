/** The handlers of OTP's gen_event_SUITE: dummy_h, dummy1_h, and oc_event, which has init only. */
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { sleep } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import { chars } from '../text.ts';
import { e, mapOf, nameOf } from './genKit.ts';

const hibernate = a('hibernate');
const kept = (state: Value, ...more: readonly Value[]): Value => tup(atoms.ok, state, ...more);

function tell(self: Self, parent: Value, ...what: readonly Value[]): void {
  if (parent instanceof Pid) self.send(parent, tup(...what));
}

function init(argument: Value): Value {
  if (argument === a('make_error')) return e('{error,my_error}');
  const state = tagged(argument, a('state'), 2);
  if (state !== null) return kept(asValue(state[1]));
  const [parent, ...more] = isList(argument) ? argument.map(asValue) : [];
  return kept(parent, ...more);
}

/** What events and other messages have in common, for `swap_event` and `swap_info` and so on. */
function told(self: Self, kind: 'event' | 'info', message: Value, state: Value): Value {
  const swap = tagged(message, a(`swap_${kind}`), 3);
  if (swap !== null) return tup(a('swap_handler'), a('swap'), state, asValue(swap[1]), asValue(swap[2]));
  if (message === a(`error_${kind}`)) return e('{return,faulty}');
  if (message === a('do_crash')) return self.error(e('{badmatch,4}'));
  const asked = elementsOf(message);
  if (asked?.length === 2 && asked[1] === a(`handle_${kind}`)) {
    if (asked[0] instanceof Pid) self.send(asked[0], a(`handled_${kind}`));
    return kept([]);
  }
  tell(self, state, a('dummy_h'), message);
  return kept(state);
}

const dummy = testModule('dummy_h', {
  'init/1': (_self, argument) => init(argument),
  'handle_event/2'(self, event, state) {
    if (event === hibernate) return kept([], hibernate);
    if (event === a('wakeup')) return kept([]);
    return told(self, 'event', event, state);
  },
  *'handle_call/2'(self, query, state): Flow<Value> {
    const swap = tagged(query, a('swap_call'), 3);
    if (swap !== null) {
      return tup(a('swap_handler'), e('{ok,swapped}'), a('swap'), state, asValue(swap[1]), asValue(swap[2]));
    }
    const delayed = tagged(query, a('delayed_answer'), 2);
    if (delayed !== null) {
      yield* sleep(Number(delayed[1]));
      return tup(atoms.ok, a('delayed'), state);
    }
    switch (query) {
      case a('hejsan'):
        return tup(atoms.ok, e('{ok,hejhopp}'), state);
      case a('error_call'):
        return e('{return,faulty}');
      case a('exit_call'):
        return self.error(e('{badmatch,4}'));
      case hibernate:
        return tup(atoms.ok, true, [], hibernate);
      case a('hibernate_later'):
        self.sendAfter(1000, self.pid, a('sleep'));
        return tup(atoms.ok, a('later'), []);
      default:
        return tup(atoms.ok, atoms.ok, state);
    }
  },
  'handle_info/2'(self, message, state) {
    if (message === a('sleep')) return kept([], hibernate);
    if (message === a('wake') || message === a('gnurf')) return kept([]);
    return told(self, 'info', message, state);
  },
  *'terminate/2'(self, argument, state): Flow<Value> {
    if (argument === a('return_hej')) return argument;
    if (argument === a('swap')) return kept(state);
    if (tagged(tagged(argument, atoms.error, 2)?.[1], a('return'), 2) !== null) {
      tell(self, state, a('dummy_h'), a('returned_error'));
      return atoms.ok;
    }
    const missing = elementsOf(tagged(state, a('undef_in_terminate'), 2)?.[1]);
    if (missing !== null) yield* self.apply(nameOf(missing[0]), nameOf(missing[1]), []);
    return atoms.ok;
  },
  'format_status/1': (_self, status) => ({ ...mapOf(status), state: chars('dummy1_h handler state') }),
});

const dummy1 = testModule('dummy1_h', {
  'init/1'(_self, argument) {
    const [what, left] = elementsOf(argument) ?? [];
    if (left === atoms.error) return a('non_existing');
    const state = tagged(left, atoms.ok, 2);
    return what === a('swap') && state !== null ? kept(asValue(state[1])) : init(argument);
  },
  'handle_event/2'(self, event, state) {
    if (event === a('delete_event')) return a('remove_handler');
    if (event === a('do_crash')) return self.error(e('{badmatch,4}'));
    if (event === hibernate) return kept(state);
    if (event === a('wakeup')) return kept(state, hibernate);
    tell(self, state, a('dummy1_h'), event);
    return kept(state);
  },
  'handle_call/2': (_self, query, state) =>
    query === a('delete_call') ? e('{remove_handler,ok}') : tup(atoms.ok, atoms.ok, state),
  'handle_info/2'(self, message, state) {
    if (message === a('delete_info')) return a('remove_handler');
    if (message === a('do_crash')) return self.error(e('{badmatch,4}'));
    if (message === a('gnurf')) return kept(state, hibernate);
    tell(self, state, a('dummy1_h'), message);
    return kept(state);
  },
  'terminate/2'(self, argument, state) {
    if (argument === a('return_hej')) return argument;
    if (argument === a('remove_handler')) tell(self, state, a('dummy1_h'), a('removed'));
    return atoms.ok;
  },
  'format_status/2': () => chars('dummy1_h handler state'),
});

export const eventSuiteModules: readonly CodeModule[] = [
  dummy,
  dummy1,
  testModule('oc_event', { 'init/1': () => e('{ok,[]}') }),
  testModule('oc_init_event', {}),
];
