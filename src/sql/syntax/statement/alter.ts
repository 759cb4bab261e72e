/** ALTER: a table of which object knows which action, and the actions. */
import type { Alter, AlterAction, AlteredObject, AlterFunction } from '../ast/alter.ts';
import type { TableElement } from '../ast/table-definition.ts';
import { parseString } from '../parse/literals.ts';
import {
  parseIfExists,
  parseIfNotExists,
  parseOptionKeys,
  parseOptions,
  parsePartition,
  parsePartitionClause,
  parseQualifiedName,
  parseWithOptions,
} from '../parse/names.ts';
import { printLiteral, printString } from '../print/literals.ts';
import {
  printName,
  printOptions,
  printPartition,
  printPartitionClause,
  printQualifiedName,
  printWithOptions,
} from '../print/names.ts';
import { commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseLifetime } from './create.ts';
import { parseAlterFunction } from './create-function.ts';
import { parseFreshness, parseRefreshMode } from './create-materialized-table.ts';
import { parseDistribution, parseTableElement, printDistribution, printTableElement } from './table-elements.ts';

/** Reads the action, whose first word has been seen and not taken. */
type ActionParser = (c: TokenCursor) => AlterAction;

/** What may stand behind the name of an object of each kind, by its first word. */
const ALTER_ACTIONS: Readonly<Record<AlteredObject, Readonly<Record<string, ActionParser>>>> = {
  CATALOG: { SET: parseSetOptions, RESET: parseReset, COMMENT: parseSetComment },
  CONNECTION: { SET: parseSetOptions, RESET: parseReset, RENAME: parseRename },
  DATABASE: { SET: parseSetOptions },
  'MATERIALIZED TABLE': {
    ADD: parseAdd,
    AS: parseAs,
    DROP: parseDropPart,
    MODIFY: parseModify,
    REFRESH: parseRefresh,
    RENAME: parseRename,
    RESET: parseReset,
    RESUME: parseResume,
    SET: parseSetOfMaterializedTable,
    SUSPEND: parseSuspend,
  },
  MODEL: { SET: parseSetOptions, RESET: parseReset, RENAME: parseRename },
  TABLE: {
    ADD: parseAddToTable,
    DROP: parseDropFromTable,
    MODIFY: parseModify,
    RENAME: parseRenameInTable,
    RESET: parseReset,
    SET: parseSetOptions,
  },
  VIEW: { AS: parseAs, RENAME: parseRename, RESET: parseReset, SET: parseSetOptions },
};

export function parseAlter(c: TokenCursor): Alter | AlterFunction {
  const start = c.token;
  c.expect('ALTER');
  const lifetime = parseLifetime(c);
  if (lifetime !== undefined || c.at('FUNCTION')) return parseAlterFunction(c, start, lifetime);
  const objects = Object.keys(ALTER_ACTIONS) as AlteredObject[];
  const object = objects.find((one) => c.accept(...one.split(' '))) ?? c.fail();
  const ifExists = parseIfExists(c);
  const name = parseQualifiedName(c);
  const found = Object.entries(ALTER_ACTIONS[object]).find(([word]) => c.at(word));
  const action = (found ?? c.fail())[1](c);
  return { kind: 'alter', object, ifExists, name, action, span: c.since(start) };
}

function parseSetOptions(c: TokenCursor): AlterAction {
  c.expect('SET');
  return { kind: 'set-options', options: parseOptions(c) };
}

function parseReset(c: TokenCursor): AlterAction {
  c.expect('RESET');
  return { kind: 'reset-options', keys: parseOptionKeys(c) };
}

function parseSetComment(c: TokenCursor): AlterAction {
  c.expect('COMMENT');
  return { kind: 'comment', comment: parseString(c) };
}

function parseRename(c: TokenCursor): AlterAction {
  c.expect('RENAME', 'TO');
  return { kind: 'rename', to: parseQualifiedName(c) };
}

function parseRenameInTable(c: TokenCursor): AlterAction {
  if (c.is('TO', 1)) return parseRename(c);
  c.expect('RENAME');
  const from = parseQualifiedName(c);
  c.expect('TO');
  return { kind: 'rename-column', from, to: parseQualifiedName(c) };
}

function parseAs(c: TokenCursor): AlterAction {
  c.expect('AS');
  return { kind: 'as', query: c.query() };
}

function parseElements(c: TokenCursor): TableElement[] {
  return c.at('(') ? c.parenthesised(() => parseTableElement(c)) : [parseTableElement(c)];
}

function parseAdd(c: TokenCursor): AlterAction {
  c.expect('ADD');
  if (c.accept('DISTRIBUTION')) return { kind: 'add-distribution', distribution: parseDistribution(c) };
  return { kind: 'add', elements: parseElements(c) };
}

function parseModify(c: TokenCursor): AlterAction {
  c.expect('MODIFY');
  if (c.accept('DISTRIBUTION')) return { kind: 'modify-distribution', distribution: parseDistribution(c) };
  return { kind: 'modify', elements: parseElements(c) };
}

function parseAddToTable(c: TokenCursor): AlterAction {
  if (!c.is('PARTITION', 1) && !(c.is('IF', 1) && c.is('NOT', 2))) return parseAdd(c);
  c.expect('ADD');
  const ifNotExists = parseIfNotExists(c);
  const partitions = [];
  do {
    c.expect('PARTITION');
    partitions.push({ columns: parsePartition(c), options: parseWithOptions(c) });
  } while (c.at('PARTITION'));
  return { kind: 'add-partitions', ifNotExists, partitions };
}

function parseDropPart(c: TokenCursor): AlterAction {
  c.expect('DROP');
  if (c.accept('PRIMARY', 'KEY')) return { kind: 'drop-primary-key' };
  if (c.accept('CONSTRAINT')) return { kind: 'drop-constraint', name: c.name() };
  if (c.accept('WATERMARK')) return { kind: 'drop-watermark' };
  if (c.accept('DISTRIBUTION')) return { kind: 'drop-distribution' };
  const list = c.at('(');
  return {
    kind: 'drop-columns',
    columns: list ? c.parenthesised(() => parseQualifiedName(c)) : [parseQualifiedName(c)],
  };
}

function parseDropFromTable(c: TokenCursor): AlterAction {
  if (!c.is('PARTITION', 1) && !(c.is('IF', 1) && c.is('EXISTS', 2))) return parseDropPart(c);
  c.expect('DROP');
  const ifExists = parseIfExists(c);
  const partitions = c.list(() => {
    c.expect('PARTITION');
    return parsePartition(c);
  });
  return { kind: 'drop-partitions', ifExists, partitions };
}

function parseSuspend(c: TokenCursor): AlterAction {
  c.expect('SUSPEND');
  return { kind: 'suspend' };
}

function parseResume(c: TokenCursor): AlterAction {
  c.expect('RESUME');
  return { kind: 'resume', options: parseWithOptions(c) };
}

function parseRefresh(c: TokenCursor): AlterAction {
  c.expect('REFRESH');
  return { kind: 'refresh', partition: parsePartitionClause(c) };
}

function parseSetOfMaterializedTable(c: TokenCursor): AlterAction {
  c.expect('SET');
  if (c.at('FRESHNESS')) return { kind: 'set-freshness', freshness: parseFreshness(c) };
  if (c.at('REFRESH_MODE')) return { kind: 'set-refresh-mode', mode: parseRefreshMode(c) };
  return { kind: 'set-options', options: parseOptions(c) };
}

export function printAlter(node: Alter, p: Printer): string {
  const name = printQualifiedName(node.name);
  return words('ALTER', node.object, node.ifExists && 'IF EXISTS', name, printAction(p, node.action));
}

function printAction(p: Printer, action: AlterAction): string {
  switch (action.kind) {
    case 'rename':
      return `RENAME TO ${printQualifiedName(action.to)}`;
    case 'rename-column':
      return `RENAME ${printQualifiedName(action.from)} TO ${printQualifiedName(action.to)}`;
    case 'set-options':
      return `SET ${printOptions(action.options)}`;
    case 'reset-options':
      return `RESET (${commaList(action.keys, printString)})`;
    case 'comment':
      return `COMMENT ${printString(action.comment)}`;
    case 'add':
    case 'modify':
      return `${action.kind.toUpperCase()} (${commaList(action.elements, (one) => printTableElement(p, one))})`;
    case 'add-distribution':
      return `ADD DISTRIBUTION ${printDistribution(action.distribution)}`;
    case 'modify-distribution':
      return `MODIFY DISTRIBUTION ${printDistribution(action.distribution)}`;
    case 'add-partitions':
      return words(
        'ADD',
        action.ifNotExists && 'IF NOT EXISTS',
        ...action.partitions.map(({ columns, options }) => words(printPartition(columns), printWithOptions(options))),
      );
    case 'drop-partitions':
      return words('DROP', action.ifExists && 'IF EXISTS', commaList(action.partitions, printPartition));
    case 'drop-columns':
      return `DROP (${commaList(action.columns, printQualifiedName)})`;
    case 'drop-constraint':
      return `DROP CONSTRAINT ${printName(action.name)}`;
    case 'drop-primary-key':
      return 'DROP PRIMARY KEY';
    case 'drop-watermark':
      return 'DROP WATERMARK';
    case 'drop-distribution':
      return 'DROP DISTRIBUTION';
    case 'as':
      return `AS ${p.query(action.query)}`;
    case 'suspend':
      return 'SUSPEND';
    case 'resume':
      return words('RESUME', printWithOptions(action.options));
    case 'refresh':
      return words('REFRESH', printPartitionClause(action.partition));
    case 'set-freshness':
      return `SET FRESHNESS = ${printLiteral(action.freshness)}`;
    case 'set-refresh-mode':
      return `SET REFRESH_MODE = ${action.mode}`;
  }
}
