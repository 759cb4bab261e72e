/** Kills: which process, when, and in which phase of the job that was. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterProcess, ProcessCluster } from 'millstream';
import type { KafkaCluster } from '../broker/cluster.ts';
import { PHASES, type Phase, type PhaseWatch } from './phases.ts';
import type { Dice } from './events.ts';

export type Victim = 'jobmanager' | 'taskmanager' | 'broker';

/** One round, for the report. */
export interface Kill {
  readonly victim: Victim;
  /** What it waited for; undefined for any moment at all. */
  readonly wanted: Phase | undefined;
  /** What was going on when it was sent. */
  readonly during: readonly Phase[];
  /** Tasks that had opened before. */
  readonly opened: number;
}

/** The longest pause before a kill at any moment. */
const ANY_MOMENT_MS = 600;

/** How long a phase is waited for that may not come. */
const PHASE_MS_MAX = 10_000;

/** Within the time for which a phase is held. */
const INTO_PHASE_MS = 25;

const VICTIMS: readonly Victim[] = ['taskmanager', 'taskmanager', 'jobmanager', 'jobmanager', 'broker'];

export class Killer {
  readonly #cluster: ProcessCluster;
  readonly #broker: KafkaCluster;
  readonly #watch: PhaseWatch;
  readonly #dice: Dice;
  readonly kills: Kill[] = [];

  constructor(cluster: ProcessCluster, broker: KafkaCluster, watch: PhaseWatch, dice: Dice) {
    this.#cluster = cluster;
    this.#broker = broker;
    this.#watch = watch;
    this.#dice = dice;
  }

  /** Two rounds of three wait for a phase, each of them in its turn; the third comes at any moment. */
  async round(number: number): Promise<Kill> {
    const wanted = number % 3 === 2 ? undefined : PHASES[(number - Math.floor(number / 3)) % PHASES.length];
    // Nobody restores until somebody has died.
    if (wanted === 'restore') {
      const next = this.#watch.next('restore', PHASE_MS_MAX);
      this.#cluster.kill(this.#any());
      await next;
    } else if (wanted !== undefined) await this.#watch.next(wanted, PHASE_MS_MAX);
    else await sleep(this.#dice.below(ANY_MOMENT_MS));
    if (wanted !== undefined) await sleep(this.#dice.below(INTO_PHASE_MS));
    const victim = this.#dice.pick(VICTIMS);
    const process: ClusterProcess = victim === 'jobmanager' ? victim : this.#any();
    const { held } = this.#watch;
    const during = [...new Set([...this.#watch.open, ...(held === undefined ? [] : [held])])];
    const kill: Kill = { victim, wanted, during, opened: this.#watch.opened };
    this.kills.push(kill);
    if (victim === 'broker') {
      await this.#broker.kill();
      await sleep(this.#dice.below(500));
      this.#broker.restart();
      return kill;
    }
    const pid = this.#cluster.pid(process);
    this.#cluster.kill(process, 'SIGKILL');
    if (pid !== undefined) this.#watch.dead(pid);
    return kill;
  }

  #any(): number {
    return this.#dice.below(2);
  }

  /** Kills in each phase. */
  get perPhase(): Readonly<Record<Phase, number>> {
    const count = (phase: Phase): number => this.kills.filter(({ during }) => during.includes(phase)).length;
    return {
      align: count('align'),
      upload: count('upload'),
      precommit: count('precommit'),
      commit: count('commit'),
      restore: count('restore'),
    };
  }

  get perVictim(): Readonly<Record<Victim, number>> {
    const count = (victim: Victim): number => this.kills.filter((kill) => kill.victim === victim).length;
    return { jobmanager: count('jobmanager'), taskmanager: count('taskmanager'), broker: count('broker') };
  }
}
