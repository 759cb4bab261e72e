/** What stands behind CREATE, and which kinds of objects know which words there. */
import type { Lifetime } from '../ast/create.ts';
import type { Statement } from '../ast/statement.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseCreateCatalog, parseCreateConnection, parseCreateDatabase } from './create-catalog.ts';
import { parseCreateFunction } from './create-function.ts';
import { parseCreateMaterializedTable } from './create-materialized-table.ts';
import { parseCreateModel } from './create-model.ts';
import { parseCreateTable } from './create-table.ts';
import { parseCreateView } from './create-view.ts';

export function parseCreate(c: TokenCursor): Statement {
  const start = c.token;
  c.expect('CREATE');
  if (c.accept('OR', 'ALTER')) return parseCreateMaterializedTable(c, start, true);
  if (c.accept('OR', 'REPLACE')) {
    const temporary = c.accept('TEMPORARY');
    if (c.at('TABLE')) return parseCreateTable(c, start, 'CREATE OR REPLACE', temporary);
    return parseCreateView(c, start, true, temporary);
  }
  const lifetime = parseLifetime(c);
  if (c.at('FUNCTION')) return parseCreateFunction(c, start, lifetime);
  if (c.at('CONNECTION')) return parseCreateConnection(c, start, lifetime);
  if (lifetime === 'TEMPORARY SYSTEM') c.fail();
  const temporary = lifetime === 'TEMPORARY';
  if (c.at('TABLE')) return parseCreateTable(c, start, 'CREATE', temporary);
  if (c.at('VIEW')) return parseCreateView(c, start, false, temporary);
  if (c.at('MODEL')) return parseCreateModel(c, start, temporary);
  if (temporary) c.fail();
  if (c.at('MATERIALIZED')) return parseCreateMaterializedTable(c, start, false);
  if (c.at('CATALOG')) return parseCreateCatalog(c, start);
  return parseCreateDatabase(c, start);
}

/** TEMPORARY, TEMPORARY SYSTEM, or nothing; SYSTEM alone is refused with what to write instead. */
export function parseLifetime(c: TokenCursor): Lifetime {
  if (c.is('SYSTEM')) c.failAt(c.token, 'objects of the system are temporary: write TEMPORARY SYSTEM');
  if (!c.accept('TEMPORARY')) return undefined;
  return c.accept('SYSTEM') ? 'TEMPORARY SYSTEM' : 'TEMPORARY';
}

/** REPLACE TABLE … AS. */
export function parseReplace(c: TokenCursor): Statement {
  const start = c.token;
  c.expect('REPLACE');
  return parseCreateTable(c, start, 'REPLACE', c.accept('TEMPORARY'));
}
