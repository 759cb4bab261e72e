/** Random syntax trees of statements: every kind, every clause. */
import fc, { type Arbitrary } from 'fast-check';
import type { Statement } from '../../../src/sql.ts';
import type { AlterAction } from '../../../src/sql/syntax/ast/alter.ts';
import {
  anyDateTime,
  anyHint,
  anyInterval,
  anyLiteral,
  anyName,
  anyQualifiedName,
  anySmallCall,
  anySmallExpression,
  anySmallQuery,
  anySmallType,
  anyString,
  maybe,
  node,
  some,
} from './any-expression.ts';

const flag = fc.boolean();
const name = anyQualifiedName;
const query = anySmallQuery;
const comment = maybe(anyString);
const option = node('option', { key: anyString, value: anyString });
const optionList = some(option, 0);
const options = maybe(optionList);
const nothing = fc.constant(undefined);
const partition = some(node('partition-column', { column: anyName, value: anyLiteral }));
const lifetime = fc.constantFrom(undefined, 'TEMPORARY', 'TEMPORARY SYSTEM');

const constraint = (ofTable: boolean): Arbitrary<object> =>
  node('constraint', {
    name: maybe(anyName),
    constraint: fc.constantFrom('PRIMARY KEY', 'UNIQUE'),
    columns: ofTable ? some(anyName) : fc.constant([]),
    enforced: maybe(flag),
  });

function element(columnName: Arbitrary<object>, position: Arbitrary<object | undefined>): Arbitrary<object> {
  const column = { name: columnName, comment, position };
  return fc.oneof(
    node('physical-column', { ...column, type: anySmallType, constraint: maybe(constraint(false)) }),
    node('metadata-column', { ...column, type: anySmallType, from: maybe(anyString), virtual: flag }),
    node('computed-column', { ...column, expression: anySmallExpression }),
    constraint(true),
    node('watermark', { column: name, strategy: anySmallExpression }),
  );
}

const columnElements = some(element(name, nothing), 0);
const elements = fc.oneof(columnElements, some(node('column-name', { name: anyName })));
const alterElements = some(
  element(
    name,
    maybe(fc.oneof(fc.constant({ kind: 'first' }), fc.record({ kind: fc.constant('after'), column: name }))),
  ),
);
const buckets = fc.nat({ max: 100 });
const distribution = fc.oneof(
  node('distribution', {
    method: maybe(fc.constantFrom('HASH', 'RANGE')),
    columns: some(anyName),
    buckets: maybe(buckets),
  }),
  node('distribution', { method: nothing, columns: fc.constant([]), buckets }),
);
const likeOption = fc.record({
  strategy: fc.constantFrom('INCLUDING', 'EXCLUDING', 'OVERWRITING'),
  feature: fc.constantFrom('ALL', 'METADATA', 'OPTIONS', 'WATERMARKS'),
});
const tableParts = {
  name,
  ifNotExists: flag,
  elements,
  comment,
  distribution: maybe(distribution),
  partitionedBy: some(anyName, 0),
  options,
};

const createTable = fc.oneof(
  node('create-table', {
    ...tableParts,
    elements: columnElements,
    mode: fc.constant('CREATE'),
    temporary: flag,
    connection: maybe(name),
    like: maybe(node('like-clause', { table: name, options: some(likeOption, 0) })),
    query: nothing,
  }),
  node('create-table', {
    ...tableParts,
    mode: fc.constantFrom('CREATE', 'REPLACE', 'CREATE OR REPLACE'),
    temporary: flag,
    connection: nothing,
    like: nothing,
    query,
  }),
);

const startMode = fc.oneof(
  fc.record({ mode: fc.constantFrom('FROM_BEGINNING', 'RESUME_OR_FROM_NOW'), argument: nothing }),
  fc.record({ mode: fc.constantFrom('FROM_NOW', 'RESUME_OR_FROM_NOW'), argument: anyInterval }),
  fc.record({ mode: fc.constantFrom('FROM_TIMESTAMP', 'RESUME_OR_FROM_TIMESTAMP'), argument: anyDateTime }),
);

const modelColumns = some(node('model-column', { name: anyName, type: anySmallType, comment }), 0);

const insert = node('insert', {
  mode: fc.constantFrom('INSERT INTO', 'INSERT OVERWRITE', 'UPSERT INTO'),
  table: name,
  hints: fc.array(anyHint, { maxLength: 1 }),
  partition: fc.oneof(fc.constant([]), partition),
  columns: some(name, 0),
  query,
  onConflict: maybe(fc.constantFrom('NOTHING', 'ERROR', 'DEDUPLICATE')),
});
const statementSet = node('statement-set', { inserts: some(insert, 0) });
const queryStatement = node('query', { query });
const executable = fc.oneof(queryStatement, insert, statementSet);
const execute = node('execute', { statement: executable });
const updated = { table: name, hints: fc.array(anyHint, { maxLength: 1 }), alias: maybe(anyName) };

/** What each kind of object knows, by the kinds of actions. */
const ACTIONS: { readonly [K in AlterAction['kind']]: readonly [objects: readonly string[], fields: object] } = {
  rename: [['TABLE', 'VIEW', 'MODEL', 'CONNECTION', 'MATERIALIZED TABLE'], { to: name }],
  'rename-column': [['TABLE'], { from: name, to: name }],
  'set-options': [['TABLE', 'VIEW', 'DATABASE', 'CATALOG', 'MODEL', 'MATERIALIZED TABLE'], { options: optionList }],
  'reset-options': [['TABLE', 'CATALOG', 'MODEL', 'CONNECTION'], { keys: some(anyString, 0) }],
  comment: [['CATALOG'], { comment: anyString }],
  add: [['TABLE', 'MATERIALIZED TABLE'], { elements: alterElements }],
  modify: [['TABLE', 'MATERIALIZED TABLE'], { elements: alterElements }],
  'add-distribution': [['TABLE', 'MATERIALIZED TABLE'], { distribution }],
  'modify-distribution': [['TABLE', 'MATERIALIZED TABLE'], { distribution }],
  'add-partitions': [['TABLE'], { ifNotExists: flag, partitions: some(fc.record({ columns: partition, options })) }],
  'drop-partitions': [['TABLE'], { ifExists: flag, partitions: some(partition) }],
  'drop-columns': [['TABLE', 'MATERIALIZED TABLE'], { columns: some(name) }],
  'drop-constraint': [['TABLE', 'MATERIALIZED TABLE'], { name: anyName }],
  'drop-primary-key': [['TABLE', 'MATERIALIZED TABLE'], {}],
  'drop-watermark': [['TABLE'], {}],
  'drop-distribution': [['TABLE'], {}],
  as: [['VIEW', 'MATERIALIZED TABLE'], { query }],
  suspend: [['MATERIALIZED TABLE'], {}],
  resume: [['MATERIALIZED TABLE'], { options }],
  refresh: [['MATERIALIZED TABLE'], { partition: fc.oneof(fc.constant([]), partition) }],
  'set-freshness': [['MATERIALIZED TABLE'], { freshness: anyInterval }],
  'set-refresh-mode': [['MATERIALIZED TABLE'], { mode: fc.constantFrom('FULL', 'CONTINUOUS') }],
};

const alter = fc.oneof(
  ...Object.entries(ACTIONS).map(([kind, [objects, fields]]) =>
    node('alter', {
      object: fc.constantFrom(...objects),
      ifExists: flag,
      name,
      action: fc.record({ kind: fc.constant(kind), ...(fields as Record<string, Arbitrary<unknown>>) }),
    }),
  ),
);

const drop = fc.oneof(
  node('drop', {
    object: fc.constantFrom('CATALOG', 'TABLE', 'VIEW', 'MODEL', 'MATERIALIZED TABLE', 'CONNECTION'),
    lifetime: nothing,
    ifExists: flag,
    name,
    behavior: nothing,
  }),
  node('drop', {
    object: fc.constantFrom('FUNCTION', 'CONNECTION'),
    lifetime,
    ifExists: flag,
    name,
    behavior: nothing,
  }),
  node('drop', {
    object: fc.constant('DATABASE'),
    lifetime: nothing,
    ifExists: flag,
    name,
    behavior: maybe(fc.constantFrom('RESTRICT', 'CASCADE')),
  }),
);

const showFilter = maybe(fc.record({ operator: fc.constantFrom('LIKE', 'ILIKE'), negated: flag, pattern: anyString }));

/** One arbitrary for each kind, so that a new kind of statement cannot be forgotten here. */
const STATEMENTS: { readonly [K in Statement['kind']]: Arbitrary<unknown> } = {
  query: queryStatement,
  insert,
  'statement-set': statementSet,
  execute,
  update: node('update', {
    ...updated,
    assignments: some(node('assignment', { column: name, value: fc.oneof(anySmallExpression, node('default', {})) })),
    where: maybe(anySmallExpression),
  }),
  delete: node('delete', { ...updated, where: maybe(anySmallExpression) }),
  truncate: node('truncate', { table: name }),
  explain: node('explain', {
    details: fc.uniqueArray(fc.constantFrom('ESTIMATED_COST', 'CHANGELOG_MODE', 'PLAN_ADVICE', 'JSON_EXECUTION_PLAN')),
    statement: fc.oneof(executable, execute),
  }),
  'compile-plan': fc.oneof(
    node('compile-plan', {
      execute: fc.constant(false),
      path: anyString,
      ifNotExists: flag,
      statement: fc.oneof(insert, statementSet),
    }),
    node('compile-plan', {
      execute: fc.constant(true),
      path: anyString,
      ifNotExists: fc.constant(false),
      statement: fc.oneof(insert, statementSet),
    }),
  ),
  'execute-plan': node('execute-plan', { path: anyString }),
  'create-table': createTable,
  'create-materialized-table': node('create-materialized-table', {
    ...tableParts,
    orAlter: flag,
    startMode: maybe(startMode),
    freshness: maybe(anyInterval),
    refreshMode: maybe(fc.constantFrom('FULL', 'CONTINUOUS')),
    query,
  }),
  'create-view': node('create-view', {
    replace: flag,
    temporary: flag,
    ifNotExists: flag,
    name,
    columns: some(anyName, 0),
    comment,
    query,
  }),
  'create-catalog': node('create-catalog', { ifNotExists: flag, name: anyName, comment, options }),
  'create-database': node('create-database', { ifNotExists: flag, name, comment, options }),
  'create-connection': node('create-connection', { lifetime, ifNotExists: flag, name, comment, options }),
  'create-function': node('create-function', {
    lifetime,
    ifNotExists: flag,
    name,
    implementation: anyString,
    language: maybe(fc.constantFrom('JAVA', 'PYTHON', 'TYPESCRIPT')),
    using: some(node('resource', { resource: fc.constantFrom('JAR', 'ARTIFACT', 'MODULE'), path: anyString }), 0),
    options,
  }),
  'create-model': node('create-model', {
    temporary: flag,
    ifNotExists: flag,
    name,
    input: modelColumns,
    output: modelColumns,
    comment,
    options,
    query: maybe(query),
  }),
  alter,
  'alter-function': node('alter-function', {
    lifetime,
    ifExists: flag,
    name,
    implementation: anyString,
    language: maybe(fc.constantFrom('SCALA', 'SQL')),
  }),
  drop,
  show: fc.oneof(
    node('show', {
      list: fc.constantFrom('TABLES', 'VIEWS', 'FUNCTIONS', 'USER FUNCTIONS', 'MATERIALIZED TABLES', 'DATABASES'),
      from: maybe(name),
      filter: showFilter,
    }),
    node('show', { list: fc.constant('COLUMNS'), from: name, filter: showFilter }),
    node('show', { list: fc.constantFrom('JARS', 'FULL MODULES', 'CURRENT CATALOG'), from: nothing, filter: nothing }),
  ),
  'show-create': node('show-create', {
    object: fc.constantFrom('TABLE', 'VIEW', 'CATALOG', 'OR ALTER MATERIALIZED TABLE'),
    name,
  }),
  'show-partitions': node('show-partitions', { table: name, partition: fc.oneof(fc.constant([]), partition) }),
  describe: node('describe', {
    object: fc.constantFrom('TABLE', 'CATALOG', 'CONNECTION', 'DATABASE', 'FUNCTION', 'MODEL'),
    extended: flag,
    name,
  }),
  'describe-job': node('describe-job', { job: anyString }),
  'use-catalog': node('use-catalog', { catalog: anyName }),
  'use-database': node('use-database', { database: name }),
  'use-modules': node('use-modules', { modules: some(anyName) }),
  'load-module': node('load-module', { module: anyName, options }),
  'unload-module': node('unload-module', { module: anyName }),
  'analyze-table': node('analyze-table', {
    table: name,
    partition: some(node('partition-column', { column: anyName, value: maybe(anyLiteral) }), 0),
    columns: fc.oneof(nothing, fc.constant('ALL'), some(anyName)),
  }),
  'call-procedure': node('call-procedure', { call: anySmallCall }),
  jar: node('jar', { action: fc.constantFrom('ADD', 'REMOVE'), path: anyString }),
  'stop-job': fc.oneof(
    node('stop-job', { job: anyString, savepoint: flag, drain: fc.constant(false) }),
    node('stop-job', { job: anyString, savepoint: fc.constant(true), drain: flag }),
  ),
  set: node('set', { option: maybe(option) }),
  reset: node('reset', { key: maybe(anyString) }),
  shell: node('shell', { command: fc.constantFrom('HELP', 'QUIT', 'EXIT', 'CLEAR', 'HISTORY') }),
};

export const anyStatement = fc.oneof(...Object.values(STATEMENTS)) as Arbitrary<Statement>;
