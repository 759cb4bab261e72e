/** The main example, with a few of its flights. */

export { default } from '../../../examples/flights/job.ts';

export const parameters = { speedUp: 0, flights: 250 };
