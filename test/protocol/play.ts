/**
 * Plays a trace: a text of lines that say what happens to a checkpoint coordinator, and below each `----` what it
 * wants done about it.
 *
 * ```
 * options interval 10000 timeout 600000 pause 0 concurrent 1 tolerable 0
 * start 1 source:0 map:0 sink:0           an attempt, with its tasks; `restored N` at the end
 * running                                 all its tasks run
 * tick 10000                              time; other lines happen at the last time named
 * acknowledged 1 source:0 sink:0          by these tasks, one after the other; `of 1` in front: in that epoch
 * declined 1 sink:0 REASON                a snapshot went wrong; `could not 1 sink:0 REASON`: the task was not ready
 * ended source:0 sink:0
 * stored 1                                or `store failed 1 REASON`
 * checkpoint R                            request R wants one; or `savepoint R`, `stop R`, `drain R`
 * failed REASON                           the attempt is over; or `closed REASON`: the job is
 * wake                                    prints when the coordinator wants a tick
 * ```
 */

import assert from 'node:assert/strict';
import { createCoordinator, nextWakeAt, step, type CoordinatorState } from '../../src/checkpoint/coordinator.ts';
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorOptions } from '../../src/checkpoint/protocol.ts';

const DEFAULTS: CoordinatorOptions = {
  intervalMs: undefined,
  timeoutMs: 600_000,
  minPauseMs: 0,
  maxConcurrent: 1,
  tolerableFailures: 0,
};

/** The text of a trace with its answers as they are. */
export function play(trace: string): string {
  const player = new Player();
  const scenes = trace.trimEnd().split(/\n\n+/);
  return `${scenes.map((scene) => playScene(player, scene)).join('\n\n')}\n`;
}

/** Comments stay where they are; what stands below the `----` is replaced. */
function playScene(player: Player, scene: string): string {
  const lines = scene.split('\n');
  const rule = lines.indexOf('----');
  const script = rule === -1 ? lines : lines.slice(0, rule);
  const spoken = script.filter((line) => !line.startsWith('#'));
  const answers = spoken.flatMap((line) => player.line(line));
  if (spoken.length === 0) return script.join('\n');
  return [...script, '----', ...(answers.length === 0 ? ['(nothing)'] : answers)].join('\n');
}

class Player {
  #state: CoordinatorState = createCoordinator(DEFAULTS);
  #now = 0;

  line(line: string): string[] {
    const [verb = '', ...words] = line.split(/\s+/);
    if (verb === 'options') {
      this.#state = createCoordinator(readOptions(words));
      return [];
    }
    if (verb === 'wake') return [`wake ${nextWakeAt(this.#state) ?? 'never'}`];
    return this.#events(verb, words).flatMap((event) => {
      const { state, effects } = step(this.#state, event);
      this.#state = state;
      return effects.map(write);
    });
  }

  #events(verb: string, given: readonly string[]): CoordinatorEvent[] {
    const ofEpoch = given[0] === 'of';
    const epoch = ofEpoch ? Number(given[1]) : this.#state.epoch;
    const words = ofEpoch ? given.slice(2) : given;
    const [first = '', second = '', ...others] = words;
    const now = this.#now;
    const reason = words.join(' ');
    switch (verb) {
      case 'tick':
        this.#now = Number(first);
        return [{ kind: 'tick', now: this.#now }];
      case 'start':
        return [readStart(words, now)];
      case 'running':
        return [{ kind: 'all-tasks-running', now, epoch }];
      case 'failed':
        return [{ kind: 'attempt-failed', now, epoch, reason }];
      case 'closed':
        return [{ kind: 'closed', now, reason }];
      case 'checkpoint':
      case 'savepoint':
        return [{ kind: 'trigger-requested', now, request: first, type: verb }];
      case 'stop':
      case 'drain':
        return [{ kind: 'stop-requested', now, request: first, drain: verb === 'drain' }];
      case 'acknowledged':
        return words
          .slice(1)
          .map((task) => ({ kind: 'acknowledged', now, epoch, checkpoint: Number(first), task, bytes: 10 }));
      case 'declined':
        return [
          {
            kind: 'declined',
            now,
            epoch,
            checkpoint: Number(first),
            task: second,
            reason: others.join(' '),
            counts: true,
          },
        ];
      case 'could':
        return [
          {
            kind: 'declined',
            now,
            epoch,
            checkpoint: Number(second),
            task: others[0] ?? '',
            reason: others.slice(1).join(' '),
            counts: false,
          },
        ];
      case 'ended':
        return words.map((task) => ({ kind: 'task-ended', now, epoch, task }));
      case 'stored':
        return [{ kind: 'stored', now, epoch, checkpoint: Number(first) }];
      case 'store':
        return [{ kind: 'store-failed', now, epoch, checkpoint: Number(second), reason: others.join(' ') }];
      default:
        return assert.fail(`a trace has no line "${verb}"`);
    }
  }
}

function readOptions(words: readonly string[]): CoordinatorOptions {
  const given = new Map<string, number>();
  for (let i = 0; i < words.length; i += 2) given.set(words[i] as string, Number(words[i + 1]));
  return {
    intervalMs: given.get('interval'),
    timeoutMs: given.get('timeout') ?? DEFAULTS.timeoutMs,
    minPauseMs: given.get('pause') ?? DEFAULTS.minPauseMs,
    maxConcurrent: given.get('concurrent') ?? DEFAULTS.maxConcurrent,
    tolerableFailures: given.get('tolerable') ?? DEFAULTS.tolerableFailures,
  };
}

function readStart(words: readonly string[], now: number): CoordinatorEvent {
  const at = words.indexOf('restored');
  const tasks = words.slice(1, at === -1 ? undefined : at);
  const sources = tasks.filter((task) => task.startsWith('source'));
  return {
    kind: 'attempt-started',
    now,
    epoch: Number(words[0]),
    tasks,
    sources,
    restored: at === -1 ? undefined : Number(words[at + 1]),
  };
}

function write(effect: CoordinatorEffect): string {
  switch (effect.kind) {
    case 'inject-barrier': {
      const type = `${effect.stop ? 'stop ' : ''}${effect.type}${effect.commits && effect.type === 'savepoint' ? ' that commits' : ''}`;
      const ended = effect.ended.length === 0 ? '' : ` and ended ${effect.ended.join(' ')}`;
      return `inject-barrier ${effect.checkpoint} (${type}, epoch ${effect.epoch}) -> ${effect.sources.join(' ') || 'nobody'}${ended}`;
    }
    case 'trigger-ended':
      return `trigger-ended ${effect.checkpoint} -> ${effect.task}`;
    case 'drain-sources':
      return `drain-sources -> ${effect.sources.join(' ')}`;
    case 'complete':
      return `complete ${effect.checkpoint} (${effect.bytes} bytes, ${effect.durationMs} ms)`;
    case 'notify-complete':
    case 'notify-aborted':
      return `${effect.kind} ${effect.checkpoint}`;
    case 'discard':
      return `discard ${effect.checkpoint} (${effect.reason})`;
    case 'refuse':
      return `refuse ${effect.checkpoint} of ${effect.task} (${effect.reason})`;
    case 'subsume':
      return `subsume ${effect.checkpoint}`;
    case 'answer':
      return `answer ${effect.request} ${effect.outcome.kind === 'completed' ? `completed ${effect.outcome.checkpoint}` : `refused (${effect.outcome.reason})`}`;
    case 'fail-job':
      return `fail-job (${effect.reason})`;
    case 'finished':
      return 'finished';
    default:
      return effect satisfies never;
  }
}
