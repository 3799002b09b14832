import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines } from './deadlines.ts';
import { Listeners, Subscribers } from './listeners.ts';

describe('deadlines with one timer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('pass in their order, whichever came first, and those taken back do not', () => {
    const deadlines = new Deadlines();
    const passed: string[] = [];
    const pass = (name: string) => () => void passed.push(name);
    deadlines.after(300, pass('late'));
    deadlines.after(100, pass('soon'));
    const takeBack = deadlines.after(200, pass('never'));
    deadlines.after(0, pass('now'));
    takeBack();
    takeBack();
    vi.advanceTimersByTime(50);
    expect(passed).toEqual(['now']);
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['now', 'soon']);
    vi.advanceTimersByTime(1_000);
    expect(passed).toEqual(['now', 'soon', 'late']);
  });

  it('leave no timer behind when one that passes takes back the others', () => {
    const deadlines = new Deadlines();
    const takeBack = deadlines.after(60_000, () => undefined);
    deadlines.after(10, takeBack);
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are kept though those before them were taken back, and while one that passes makes another', () => {
    const deadlines = new Deadlines();
    const passed: string[] = [];
    for (let n = 0; n < 100; n += 1) deadlines.after(10 + n, () => passed.push('taken back'))();
    deadlines.after(500, () => {
      passed.push('first');
      deadlines.after(100, () => void passed.push('second'));
    });
    vi.advanceTimersByTime(5_000);
    expect(passed).toEqual(['first', 'second']);
  });

  it('one that passes can take back another that is due', () => {
    const deadlines = new Deadlines();
    const passed: string[] = [];
    let takeBack: () => void = () => undefined;
    deadlines.after(10, () => {
      passed.push('first');
      takeBack();
    });
    takeBack = deadlines.after(10.5, () => void passed.push('second'));
    vi.advanceTimersByTime(1_000);
    expect(passed).toEqual(['first']);
  });

  it('that throw keep none of the others from passing, at the same time or later; what they throw is not lost', () => {
    const deadlines = new Deadlines();
    const passed: string[] = [];
    const bug = new Error('bug');
    const fail = () => {
      throw bug;
    };
    deadlines.after(10, fail);
    deadlines.after(10, () => void passed.push('with it'));
    deadlines.after(100, () => void passed.push('later'));
    expect(() => vi.advanceTimersByTime(50)).toThrow(bug);
    expect(passed).toEqual(['with it']);
    vi.advanceTimersByTime(100);
    expect(passed).toEqual(['with it', 'later']);
  });

  it('have one timer, which keeps the program alive only while somebody waits', () => {
    const deadlines = new Deadlines();
    const takeBack = [1, 2, 3].map(() => deadlines.after(1_000, () => undefined));
    expect(vi.getTimerCount()).toBe(1);
    for (const each of takeBack) each();
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('listeners', () => {
  it('hear once, in their order; who stopped waiting does not, nor who is stopped by one before', () => {
    const listeners = new Listeners();
    const heard: number[] = [];
    const hear = (n: number) => () => void heard.push(n);
    const stop = [0, 1, 2, 3].map((n) => listeners.add(hear(n)));
    stop[0]?.();
    stop[0]?.();
    listeners.add(() => stop[5]?.());
    stop.push(listeners.add(hear(4)), listeners.add(hear(5)));
    stop[2]?.();
    listeners.tell();
    expect(heard).toEqual([1, 3, 4]);
    listeners.tell();
    expect(heard).toEqual([1, 3, 4]);
    listeners.add(hear(6));
    listeners.tell();
    expect(heard).toEqual([1, 3, 4, 6]);
  });

  it('hear though others throw, and what those threw is thrown when all have heard', () => {
    const listeners = new Listeners();
    const heard: string[] = [];
    const fail = (thrown: unknown) => () => {
      throw thrown;
    };
    const [first, second] = [new Error('first'), new Error('second')];
    listeners.add(fail(first));
    listeners.add(() => void heard.push('after it'));
    expect(() => listeners.tell()).toThrow(first);
    expect(heard).toEqual(['after it']);
    expect(listeners.isEmpty).toBe(true);
    for (const each of [first, second]) listeners.add(fail(each));
    expect(() => listeners.tell()).toThrow(expect.objectContaining({ errors: [first, second] }));
    listeners.add(fail('no error'));
    expect(() => listeners.tell()).toThrow(expect.objectContaining({ errors: ['no error'] }));
  });
});

describe('subscribers', () => {
  it('are told each time, all of them, until they do not want to be, whatever others throw', () => {
    const subscribers = new Subscribers<number>();
    expect(subscribers.isEmpty).toBe(true);
    subscribers.tell(0);
    const heard: number[] = [];
    const hear = (n: number) => void heard.push(n);
    const bug = new Error('bug');
    const failing = subscribers.add(() => {
      throw bug;
    });
    const [once, twice] = [subscribers.add(hear), subscribers.add(hear)];
    expect(() => subscribers.tell(1)).toThrow(bug);
    expect(heard).toEqual([1, 1]);
    failing.dispose();
    once.dispose();
    subscribers.tell(2);
    twice.dispose();
    subscribers.tell(3);
    expect(heard).toEqual([1, 1, 2]);
  });
});
