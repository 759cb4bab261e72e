/** The example that is stopped and goes on, with a few of its clicks. */

export { default } from '../../../examples/savepoints/job.ts';

export const parameters = { threads: 2, clicks: 150 };
