/**
 * The generated function of a chain: the text that drives the operators of one vertex.
 *
 * A vertex is a tree of operators. The text has, for each input of its head, a loop over a batch that calls (or, for
 * inline operators, contains) the operators one after the other down to the edge writers; for each operator with an
 * instance, a class `OutN` that is the rest of the tree behind it; and the ways of watermarks, idleness and the end.
 *
 * The text ends with a comment that is unique to the job and the vertex. V8 shares type feedback between functions of
 * the same text, and a call site that has seen the lambdas of several jobs is five to ten times slower
 * (docs/internals/performance.md); unique text keeps every call site monomorphic. Mutable counters live in a typed
 * array, not in closure variables, whose doubles V8 would box on each write.
 *
 * `frame.at` holds the index of the operator whose code runs, so that a thrown error finds its operator.
 */

import { invariant } from '../base/assert.ts';
import { MillstreamError } from '../base/error.ts';
import type { InlineCode } from '../operator/inline-code.ts';
import {
  elementMethod,
  type DataShape,
  type Operator,
  type OperatorDefinition,
  type Output,
} from '../operator/operator.ts';
import type { Gate } from '../base/gate.ts';
import { NO_TIMESTAMP, type RecordBatch } from '../data/record-batch.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import type { EdgeWriter } from '../exchange/edge-writer.ts';
import { checkedTimestamp } from '../time/split-watermarks.ts';
import type { MutationCheck } from './mutation-check.ts';

/** A node of the tree as the generator sees it. */
export interface ChainNode {
  readonly name: string;
  readonly definition: OperatorDefinition;
  readonly instance: Operator | undefined;
  /** Chained nodes that read this one, by index. */
  readonly children: readonly { readonly index: number; readonly side: string | undefined }[];
  readonly edges: readonly {
    readonly writer: EdgeWriter;
    readonly partitioning: Partitioning;
    readonly side: string | undefined;
    readonly shape: DataShape;
  }[];
}

/** What the text writes while it runs. */
export interface ChainFrame {
  /** Index of the node whose code runs. */
  at: number;
  /** What the operator that threw had been given, where another operator emitted it. */
  failed: { readonly value: unknown } | undefined;
  /** Records that entered each node, then records that left each node (see `countsOutput`). */
  readonly counts: Float64Array;
}

export interface ChainCode {
  /** Runs rows of the batch from its cursor until its end or until the gate says stop. By input. */
  readonly run: readonly ((batch: RecordBatch) => void)[];
  /** One element into an input, for column batches and single elements. */
  readonly element: readonly ((value: unknown, timestamp: number, kind: number) => void)[];
  /** The output of each node that has an instance. */
  readonly outputs: readonly (Output<unknown> | undefined)[];
  /** Control that enters at the head. */
  readonly head: Pick<Output<unknown>, 'watermark' | 'status' | 'finish'>;
  /** The generated text, for golden tests and for people who debug. */
  readonly text: string;
}

/** Operators in one flat body; beyond that V8's inlining budget ends and a function per operator is faster. */
const FLAT_OPERATORS_MAX = 16;

export function generateChain(
  nodes: readonly ChainNode[],
  inputs: number,
  gate: Gate,
  frame: ChainFrame,
  tag: string,
  check?: MutationCheck,
): ChainCode {
  const writer = new ChainWriter(nodes, inputs, check !== undefined);
  const text = `${writer.text()}\n//# sourceURL=millstream/${tag}`;
  // The one place where text becomes code, besides the codecs and kernels.
  const make = new Function('bound', 'ops', 'edges', 'gate', 'frame', 'counts', 'check', text) as (
    ...things: unknown[]
  ) => Omit<ChainCode, 'text'>;
  const instances = nodes.map((node) => node.instance);
  const edges = nodes.flatMap((node) => node.edges.map((edge) => edge.writer));
  return { ...make(writer.bound, instances, edges, gate, frame, frame.counts, check), text };
}

/** Whether a node counts what it emits; where it does not, its chained reader counts the same records. */
function countsOutput(node: Pick<ChainNode, 'instance' | 'children'>): boolean {
  return node.instance !== undefined || node.children.every((child) => child.side !== undefined);
}

/** What an element adds to a count: one, or, of a column batch, its rows. */
function counted(shape: DataShape | 'none', value: string): string {
  return shape === 'columns' ? ` += ${value}.selected` : '++';
}

class ChainWriter {
  readonly bound: unknown[] = [];
  readonly #nodes: readonly ChainNode[];
  readonly #inputs: number;
  /** Whether emitted values are watched for changes. */
  readonly #checked: boolean;
  readonly #edgeNumber: readonly number[];
  readonly #lines: string[] = [];
  /** Nodes that got a function of their own because their body had grown too long. */
  readonly #separate: number[] = [];
  #fresh = 0;
  #flat = 0;

  constructor(nodes: readonly ChainNode[], inputs: number, checked: boolean) {
    this.#nodes = nodes;
    this.#checked = checked;
    this.#inputs = inputs;
    let edges = 0;
    this.#edgeNumber = nodes.map((node) => (edges += node.edges.length) - node.edges.length);
  }

  text(): string {
    const declarations = this.#nodes.flatMap((node, index) => [
      ...(node.instance === undefined ? [] : [`const op${index} = ops[${index}];`]),
      ...node.edges.map((_, i) => `const edge${this.#edgeOf(index, i)} = edges[${this.#edgeOf(index, i)}];`),
    ]);
    this.#nodes.forEach((node, index) => node.instance !== undefined && this.#outputClass(index));
    const runs = Array.from({ length: this.#inputs }, (_, input) => this.#runFunction(input));
    const elements = Array.from({ length: this.#inputs }, (_, input) => this.#elementFunction(input));
    for (let next = this.#separate.shift(); next !== undefined; next = this.#separate.shift())
      this.#separateFunction(next);
    const head = this.#headControl();
    const outputs = this.#nodes
      .map((node, index) => (node.instance === undefined ? 'undefined' : `new Out${index}()`))
      .join(', ');
    const bindings = this.bound.map((_, i) => `const f${i} = bound[${i}];`);
    return [
      "'use strict';",
      ...declarations,
      ...bindings,
      ...this.#lines,
      `return { run: [${runs.join(', ')}], element: [${elements.join(', ')}], outputs: [${outputs}], head: ${head} };`,
    ].join('\n');
  }

  #edgeOf(node: number, i: number): number {
    return (this.#edgeNumber[node] as number) + i;
  }

  #name(hint: string): string {
    return `${hint}_${this.#fresh++}`;
  }

  #bind(thing: unknown): string {
    const known = this.bound.indexOf(thing);
    if (known >= 0) return `f${known}`;
    this.bound.push(thing);
    return `f${this.bound.length - 1}`;
  }

  /** The loop over a record batch. It stops behind the row at which the gate says stop; the cursor says where. */
  #runFunction(input: number): string {
    const name = `run${input}`;
    this.#flat = 0;
    this.#lines.push(
      `function ${name}(batch) {`,
      'const values = batch.values, times = batch.timestamps, kinds = batch.kinds, count = batch.count;',
      'const first = batch.cursor;',
      'let row = first;',
      'try {',
      'while (row < count) {',
      'const value = values[row], timestamp = times[row], kind = kinds === undefined ? 0 : kinds[row];',
      'row++;',
    );
    this.#flat++;
    this.#lines.push('frame.at = 0;');
    this.#code(0, input, 'value', 'timestamp', 'kind');
    this.#lines.push(
      'if (!gate.proceed()) break;',
      '}',
      '} finally { batch.cursor = row; counts[0] += row - first; }',
      '}',
    );
    return name;
  }

  #elementFunction(input: number): string {
    const name = `element${input}`;
    this.#flat = 0;
    this.#lines.push(`function ${name}(value, timestamp, kind) {`);
    this.#enter(0, input, 'value', 'timestamp', 'kind');
    this.#lines.push('}');
    return name;
  }

  #separateFunction(index: number): void {
    this.#flat = 0;
    this.#lines.push(`function enter${index}(value, timestamp, kind) {`);
    this.#body(index, 0, 'value', 'timestamp', 'kind');
    this.#lines.push('}');
  }

  /** Writes what hands an element to a node: its code, or a call of it. */
  #enter(index: number, input: number, value: string, timestamp: string, kind: string): void {
    if (this.#flat >= FLAT_OPERATORS_MAX) {
      this.#lines.push(`enter${index}(${value}, ${timestamp}, ${kind});`);
      if (!this.#separate.includes(index)) this.#separate.push(index);
      return;
    }
    this.#body(index, input, value, timestamp, kind);
  }

  #body(index: number, input: number, value: string, timestamp: string, kind: string): void {
    const node = this.#nodes[index] as ChainNode;
    this.#lines.push(`frame.at = ${index}; counts[${index}]${counted(node.definition.input, value)};`);
    this.#flat++;
    this.#code(index, input, value, timestamp, kind);
  }

  /** What a node does with an element that has been counted. */
  #code(index: number, input: number, value: string, timestamp: string, kind: string): void {
    const node = this.#nodes[index] as ChainNode;
    if (node.definition.inline === undefined || input > 0) {
      const method = elementMethod(input);
      if (typeof Reflect.get(node.instance ?? {}, method) !== 'function')
        throw new MillstreamError(
          'GRAPH_INVALID',
          `The operator "${node.name}" is given an input ${input + 1}, but has no method \`${method}\` that takes its elements.`,
        );
      this.#lines.push(`op${index}.${method}(${value}, ${timestamp}, ${kind});`);
      return;
    }
    let emitted = false;
    const code: InlineCode = {
      value,
      timestamp,
      kind,
      self: `op${index}`,
      bind: (thing) => this.#bind(thing),
      fresh: (hint) => this.#name(hint),
      line: (text) => void this.#lines.push(text),
      emit: (outValue, outTimestamp = timestamp, outKind = kind) => {
        invariant(!emitted, 'an inline operator emits in one place');
        emitted = true;
        this.#rest(index, undefined, outValue, outTimestamp, outKind);
      },
    };
    node.definition.inline(code);
  }

  /** Writes everything that reads one output of a node: chained nodes, then edges. */
  #rest(index: number, side: string | undefined, value: string, timestamp: string, kind: string): void {
    const node = this.#nodes[index] as ChainNode;
    // What a chained reader takes in need not be counted twice.
    if (side === undefined && countsOutput(node))
      this.#lines.push(`counts[${this.#nodes.length + index}]${counted(node.definition.output, value)};`);
    this.#readers(index, side, value, timestamp, kind);
  }

  /** The same for what has been counted. */
  #readers(index: number, side: string | undefined, value: string, timestamp: string, kind: string): void {
    const node = this.#nodes[index] as ChainNode;
    const digest = this.#checked ? this.#name('digest') : undefined;
    if (digest !== undefined) this.#lines.push(`const ${digest} = check.emitted(${value}, ${index});`);
    for (const child of node.children) {
      if (child.side !== side) continue;
      this.#enter(child.index, 0, value, timestamp, kind);
      if (digest !== undefined)
        this.#lines.push(
          `check.passed(${value}, ${digest}, ${index}, ${JSON.stringify(this.#nodes[child.index]?.name)});`,
        );
    }
    node.edges.forEach((edge, i) => {
      if (edge.side === side)
        this.#lines.push(this.#edgeText(`edge${this.#edgeOf(index, i)}`, edge, value, timestamp, kind));
    });
  }

  #edgeText(
    edge: string,
    { writer, partitioning, shape }: ChainNode['edges'][number],
    value: string,
    timestamp: string,
    kind: string,
  ): string {
    const record = `${value}, ${timestamp}, ${kind}`;
    const channels = writer.channelCount;
    if (shape === 'columns') return `${edge}.columns(${value});`;
    if (partitioning.kind === 'broadcast') return `${edge}.toAll(${record});`;
    if (channels === 1 && partitioning.kind !== 'custom') return `${edge}.to(0, ${record});`;
    switch (partitioning.kind) {
      case 'forward':
      case 'global':
        return `${edge}.to(0, ${record});`;
      case 'rebalance':
      case 'rescale':
        return `${edge}.toNext(${record});`;
      case 'shuffle':
        return `${edge}.toAny(${record});`;
      case 'hash':
        return `${edge}.to(${edge}.ofKey(${this.#bind(partitioning.key)}(${value})), ${record});`;
      case 'custom':
        return `${edge}.to(${edge}.chosen(${this.#bind(partitioning.partition)}(${this.#bind(partitioning.key)}(${value}), ${channels})), ${record});`;
      case 'hash-columns':
        throw new MillstreamError('INTERNAL_INVARIANT', 'records are partitioned by a key function, not by columns');
    }
  }

  /** The output of an operator with an instance. Behind each call the frame is set back: the operator's code goes on. */
  #outputClass(index: number): void {
    const node = this.#nodes[index] as ChainNode;
    this.#flat = 0;
    this.#lines.push(`class Out${index} {`, 'emit(value, timestamp, kind) {', 'try {');
    this.#rest(index, undefined, 'value', 'timestamp', 'kind');
    this.#lines.push(
      '} catch (error) { frame.failed ??= { value }; throw error; }',
      `frame.at = ${index};`,
      '}',
      'side(tag, value, timestamp) {',
    );
    const tags = new Set(
      [...node.children, ...node.edges].map((reader) => reader.side).filter((side) => side !== undefined),
    );
    for (const tag of tags) {
      this.#flat = 0;
      this.#lines.push(`if (tag === ${JSON.stringify(tag)}) {`);
      this.#rest(index, tag, 'value', 'timestamp', '0');
      this.#lines.push(`frame.at = ${index};`, '}');
    }
    this.#lines.push('}');
    if (node.definition.input === 'none') this.#driveMethod(index);
    this.#control(index, 'watermark(timestamp)', (target) => `${target}.watermark(timestamp);`);
    this.#control(index, 'status(idle)', (target) => `${target}.status(idle);`);
    this.#control(index, 'finish()', (target) => (target.startsWith('edge') ? '' : `${target}.finish();`));
    this.#lines.push('}');
  }

  /** The loop of a source that reads a range (see `SourceOutput`); it does to each record what `SplitOutput` does. */
  #driveMethod(index: number): void {
    const node = this.#nodes[index] as ChainNode;
    // Batches are counted by their rows, one by one; records all together, behind the loop.
    const records = node.definition.output === 'records';
    this.#flat = 0;
    this.#lines.push(
      'drive(range, split, watermarks, moved) {',
      'const make = range.make, end = range.end, step = range.step, assign = split.assign, generator = split.generator;',
      'let next = range.next, emitted = 0;',
      'try {',
      'while (next < end) {',
      'const at = next;',
      'next += step;',
      'const value = make === undefined ? at : make(at);',
      `const timestamp = assign === undefined ? ${NO_TIMESTAMP} : ${this.#bind(checkedTimestamp)}(assign(value, ${NO_TIMESTAMP}), value);`,
      'emitted++;',
      'generator.onEvent(value, timestamp, split);',
      'try {',
    );
    if (records) this.#readers(index, undefined, 'value', 'timestamp', '0');
    else this.#rest(index, undefined, 'value', 'timestamp', '0');
    this.#lines.push(
      '} catch (error) { frame.failed ??= { value }; throw error; }',
      `frame.at = ${index};`,
      'if (watermarks.due && !gate.hasPaused) moved();',
      'if (!gate.proceed()) break;',
      '}',
      '} finally {',
      'range.next = next; split.events += emitted;',
      records ? `counts[${this.#nodes.length + index}] += emitted;` : '',
      '}',
      "return next < end ? 'more' : 'finished';",
      '}',
    );
  }

  #control(index: number, signature: string, call: (target: string) => string): void {
    this.#lines.push(`${signature} {`);
    for (const target of this.#controlTargets(index)) {
      const at = target.startsWith('op') ? `frame.at = ${target.slice(2)}; ` : '';
      this.#lines.push(`${at}${call(target)}`);
    }
    this.#lines.push(`frame.at = ${index};`, '}');
  }

  /** What control from a node reaches: instances of its children, those of inline children's children, and edges. */
  #controlTargets(index: number): string[] {
    const node = this.#nodes[index] as ChainNode;
    const children = node.children.flatMap((child) =>
      (this.#nodes[child.index] as ChainNode).instance === undefined
        ? this.#controlTargets(child.index)
        : [`op${child.index}`],
    );
    return [...children, ...node.edges.map((_, i) => `edge${this.#edgeOf(index, i)}`)];
  }

  #headControl(): string {
    const targets = (this.#nodes[0] as ChainNode).instance === undefined ? this.#controlTargets(0) : ['op0'];
    const body = (call: (target: string) => string): string => targets.map(call).join(' ');
    return `{ watermark(timestamp) { frame.at = 0; ${body((t) => `${t}.watermark(timestamp);`)} }, status(idle) { ${body((t) => `${t}.status(idle);`)} }, finish() { frame.at = 0; ${body((t) => (t.startsWith('edge') ? '' : `${t}.finish();`))} } }`;
  }
}
