/**
 * The spawn request of `erpc:execute_call/4`, of which all but a few bytes is the same in each call over a connection: written once, and
 * only numbered anew.
 */
import { termWriter } from '../../term/encode.ts';
import { etfVersion } from '../../term/tags.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, list, nil } from '../../term/term.ts';
import type { Called, Framing, Outgoing } from './control.ts';
import { spawnMonitored } from './control.ts';

/** LIST_EXT and its length; the reference of a call is the first of the four elements. */
const listHeadBytes = 5;
/** Three more elements and the tail, each NIL_EXT, stand behind it when the bytes are made. */
const argsBehindRefBytes = 4;
/** Of our references. */
const words = 3;

type Template = {
  readonly leader: PidTerm;
  /** Control tuple and the beginning of the argument list, up to and with the reference. */
  readonly head: Uint8Array;
  readonly view: DataView;
  readonly controlBytes: number;
  /** Where the words of the two references stand in it. */
  readonly wordsAt: readonly [number, number];
};

export class CallFrames {
  readonly #framing: Framing;
  readonly #self: PidTerm;
  #template: Template | null = null;

  /** @param self the process that calls are made from */
  constructor(framing: Framing, self: PidTerm) {
    this.#framing = framing;
    this.#self = self;
  }

  /** The message that makes a call. It is to be written before the next is made: they share their bytes. */
  request(ref: RefTerm, leader: PidTerm, { module, fun, args }: Called): Outgoing {
    if (this.#template?.leader !== leader) this.#template = this.#make(ref, leader);
    const last = list(args);
    const template = this.#template;
    if (template === null) {
      const all = [ref, atom(module), atom(fun), last];
      return spawnMonitored(ref, this.#self, leader, 'erpc', 'execute_call', all);
    }
    const { head, view, controlBytes, wordsAt } = template;
    for (const at of wordsAt)
      for (let word = 0; word < words; word++) view.setUint32(at + word * 4, ref.ids[word] ?? 0);
    return { form: 'prepared', head, controlBytes, atoms: [module, fun], last };
  }

  /** Null when something in it cannot be written, which writing it whole will say. */
  #make(ref: RefTerm, leader: PidTerm): Template | null {
    const args: Term[] = [ref, nil, nil, nil];
    const { control, payload } = spawnMonitored(ref, this.#self, leader, 'erpc', 'execute_call', args);
    const writer = termWriter(256);
    if (payload === null || ref.ids.length !== words || writer.write(control, '') !== null) return null;
    const controlBytes = writer.length;
    if (this.#framing === 'pass_through') writer.u8(etfVersion);
    const payloadAt = writer.length;
    writer.write(payload, '');
    const head = writer.written().slice(0, writer.length - argsBehindRefBytes);
    const second = head.length - words * 4;
    // The control message is {29, Ref, …}: two bytes for its head, two for the number.
    const first = 4 + (second - payloadAt - listHeadBytes);
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    return { leader, head, view, controlBytes, wordsAt: [first, second] };
  }
}
