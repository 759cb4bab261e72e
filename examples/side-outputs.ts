/**
 * One operator, several outputs: lines that cannot be read go to one side output, readings that come too late for their
 * window to another, and neither stops the job nor vanishes.
 */

import { createEnvironment, outputTag, TumblingEventTimeWindows, WatermarkStrategy, type Collector } from 'millstream';

interface Reading {
  readonly second: number;
  readonly value: number;
}

const LINES = ['1;20', '3;22', 'four;21', '12;25', '2;99', '14;27', ''];

const REJECTED = outputTag<string>('rejected');
const LATE = outputTag<Reading>('late');

const env = createEnvironment();

const readings = env.fromCollection(LINES).process({
  processElement(line, ctx, out: Collector<Reading>) {
    const [second, value] = line.split(';').map((field) => (field === '' ? NaN : Number(field)));
    if (second === undefined || value === undefined || Number.isNaN(second + value)) ctx.output(REJECTED, line);
    else out.collect({ second, value });
  },
});

const highest = readings
  .assignTimestampsAndWatermarks(
    WatermarkStrategy.forPunctuated(
      (_reading, time) => time,
      (r) => r.second * 1_000,
    ),
  )
  .windowAll(TumblingEventTimeWindows.of(10_000))
  .sideOutputLateData(LATE)
  .max((reading) => reading.value);

highest.print('highest');
highest.getSideOutput(LATE).print('late');
readings
  .getSideOutput(REJECTED)
  .map((line) => `"${line}"`)
  .print('rejected');

await env.execute('side outputs');
