/**
 * Pairs each question with the answers that came within two minutes of it. An interval join needs no windows: a pair
 * counts however its two sides lie on the clock.
 */

import { createEnvironment, WatermarkStrategy } from 'millstream';

interface Message {
  readonly time: number;
  readonly topic: string;
  readonly text: string;
}

const SECOND = 1_000;

const QUESTIONS: readonly Message[] = [
  { time: 10 * SECOND, topic: 'time', text: 'What is a watermark?' },
  { time: 50 * SECOND, topic: 'state', text: 'Where does state live?' },
];
const ANSWERS: readonly Message[] = [
  { time: 5 * SECOND, topic: 'time', text: 'an answer before the question' },
  { time: 70 * SECOND, topic: 'time', text: 'A claim about time.' },
  { time: 80 * SECOND, topic: 'state', text: 'Beside the operator.' },
  { time: 130 * SECOND, topic: 'time', text: 'It says how far time has come.' },
  { time: 131 * SECOND, topic: 'time', text: 'an answer a second too late' },
];

const env = createEnvironment();
const byTime = WatermarkStrategy.forMonotonousTimestamps((message: Message) => message.time);
const questions = env.fromCollection(QUESTIONS).assignTimestampsAndWatermarks(byTime);
const answers = env.fromCollection(ANSWERS).assignTimestampsAndWatermarks(byTime);

const answered = questions
  .keyBy((question) => question.topic)
  .intervalJoin(answers.keyBy((answer) => answer.topic))
  .between(0, 120 * SECOND)
  .process(function* (question, answer) {
    yield {
      asked: question.time,
      after: (answer.time - question.time) / SECOND,
      pair: `${question.text} ${answer.text}`,
    };
  });

// Which stream comes first is left to chance, and with it the order of the pairs.
const pairs = (await answered.executeAndCollect()).toSorted((a, b) => a.asked - b.asked || a.after - b.after);
for (const { pair, after } of pairs) console.log(`${pair} (after ${after} s)`);
