/** Limits that hold for every connection to a broker. */

/** Kafka's `request.timeout.ms`. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** How many produce requests may be on their way to one broker: as many as it remembers the sequences of. */
export const IN_FLIGHT_MAX = 5;

/** Until a connection stands. */
export const CONNECT_TIMEOUT_MS = 10_000;
