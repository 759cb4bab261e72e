/** A job module: its default export describes the job, and every worker thread that runs a share of it loads this file. */

import { job } from 'millstream';

export interface Count {
  readonly page: string;
  readonly clicks: number;
}

export const CLICKS = 3_000;

const PAGES = ['home', 'docs', 'blog'];

export default job('clicks', (env, parameters) => {
  env.setParallelism(Number(parameters['threads']));
  env
    .fromGenerator((index) => ({ page: PAGES[index % PAGES.length] ?? '', clicks: 1 }), {
      count: Number(parameters['clicks'] ?? CLICKS),
      recordsPerSecond: 3_000,
    })
    .uid('clicks') // By its uid an operator finds its state again.
    .keyBy((click) => click.page)
    .sum('clicks')
    .uid('counts')
    .collect('results');
});
