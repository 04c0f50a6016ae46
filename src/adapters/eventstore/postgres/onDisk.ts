/**
 * How far this process knows the log to be on disk (docs/decisions/0002). An append commits before it is, so that the log is not locked for
 * that long, and could still be undone by a crash of the server: whatever is told or read stays within this.
 */
export class OnDisk {
  #upTo = 0;

  /** Position of the last event that is certain to stay. */
  get upTo(): number {
    return this.#upTo;
  }

  /** What is no number, as anybody may notify, changes nothing. */
  reached(position: number): void {
    if (position > this.#upTo) this.#upTo = position;
  }

  /** The log ends before what was certain to stay: it is a standby's now, which lacked its end, and positions are given again. */
  forget(): void {
    this.#upTo = 0;
  }
}
