/** DROP. */
import type { Drop, DroppedObject } from '../ast/create.ts';
import { parseIfExists, parseQualifiedName } from '../parse/names.ts';
import { printQualifiedName } from '../print/names.ts';
import { words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseLifetime } from './create.ts';

/** Which lifetimes a name of each kind may be dropped with. */
const OBJECTS: Readonly<Record<DroppedObject, readonly Drop['lifetime'][]>> = {
  CATALOG: [undefined],
  CONNECTION: [undefined, 'TEMPORARY', 'TEMPORARY SYSTEM'],
  DATABASE: [undefined],
  FUNCTION: [undefined, 'TEMPORARY', 'TEMPORARY SYSTEM'],
  'MATERIALIZED TABLE': [undefined],
  MODEL: [undefined, 'TEMPORARY'],
  TABLE: [undefined, 'TEMPORARY'],
  VIEW: [undefined, 'TEMPORARY'],
};

export function parseDrop(c: TokenCursor): Drop {
  const start = c.token;
  c.expect('DROP');
  const lifetime = parseLifetime(c);
  const objects = Object.keys(OBJECTS) as DroppedObject[];
  const allowed = objects.filter((object) => OBJECTS[object].includes(lifetime));
  const object = allowed.find((one) => c.accept(...one.split(' '))) ?? c.fail();
  const ifExists = parseIfExists(c);
  const name = parseQualifiedName(c);
  const behavior = object === 'DATABASE' ? c.acceptAny(['RESTRICT', 'CASCADE']) : undefined;
  return { kind: 'drop', object, lifetime, ifExists, name, behavior, span: c.since(start) };
}

export function printDrop(node: Drop): string {
  const name = printQualifiedName(node.name);
  return words('DROP', node.lifetime, node.object, node.ifExists && 'IF EXISTS', name, node.behavior);
}
