/** Lines of files on the simulated disk, cut into many splits and counted by their first word. */

import { fileSource, job, text } from 'millstream';
import type { SimulatedDisk } from '../../../src/testing/simulation/storage.ts';

const FILES = 4;
const LINES = 150;
const WORDS = ['to', 'be', 'or', 'not'];

export function prepare(disk: SimulatedDisk): void {
  for (let file = 0; file < FILES; file++) {
    const lines = Array.from({ length: LINES }, (_, line) => `${WORDS[(file + line) % WORDS.length]} ${file} ${line}`);
    disk.write(`/input/${file}.txt`, `${lines.join('\n')}\n`);
  }
}

export default job('files', (env) => {
  env.setParallelism(2);
  env
    .fromSource(fileSource({ path: '/input', format: text(), splitBytes: 700 }))
    .map((line) => ({ word: line.split(' ')[0] ?? '', count: 1 }))
    .keyBy((one) => one.word)
    .reduce((a, b) => ({ word: a.word, count: a.count + b.count }))
    .collect('result');
});
