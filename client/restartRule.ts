/** When a server that died is started again: not after four deaths within three minutes, because then it will only die again. */
export class RestartRule {
  static readonly mostCrashes = 4;
  static readonly withinMs = 3 * 60_000;
  private crashes: number[] = [];

  /** Notes a crash at `nowMs` and answers whether to start again. */
  mayRestart(nowMs: number): boolean {
    this.crashes = [...this.crashes.filter((at) => nowMs - at <= RestartRule.withinMs), nowMs];
    return this.crashes.length < RestartRule.mostCrashes;
  }

  /** Begins anew, because the user asked for a restart. */
  forget(): void {
    this.crashes = [];
  }
}
