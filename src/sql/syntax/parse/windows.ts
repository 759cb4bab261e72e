/** ORDER BY and windows. */
import type { FrameBound, WindowFrame, WindowSpecification } from '../ast/call.ts';
import type { SortItem } from '../ast/query.ts';
import { PRECEDENCE } from '../operators.ts';
import type { TokenCursor } from '../token-cursor.ts';

export function parseSortItem(c: TokenCursor): SortItem {
  const start = c.token;
  const expression = c.expression();
  const descending = c.acceptAny(['ASC', 'DESC']) === 'DESC';
  const nulls = c.accept('NULLS') ? c.expectAny(['FIRST', 'LAST']) : undefined;
  return { kind: 'sort-item', expression, descending, nulls, span: c.since(start) };
}

export function parseOrderBy(c: TokenCursor): SortItem[] {
  c.expect('ORDER', 'BY');
  return c.list(() => parseSortItem(c));
}

export function parseOrderByIfAny(c: TokenCursor): SortItem[] {
  return c.at('ORDER') ? parseOrderBy(c) : [];
}

/** `(base PARTITION BY … ORDER BY … ROWS BETWEEN … AND …)` */
export function parseWindow(c: TokenCursor): WindowSpecification {
  const start = c.token;
  c.expect('(');
  const base = c.atName() ? c.name() : undefined;
  const partitionBy = c.accept('PARTITION', 'BY') ? c.list(() => c.expression()) : [];
  const orderBy = parseOrderByIfAny(c);
  const unit = c.acceptAny(['ROWS', 'RANGE']);
  const frame = unit === undefined ? undefined : parseFrame(c, unit);
  const partial = c.acceptAny(['ALLOW', 'DISALLOW']);
  if (partial !== undefined) c.expect('PARTIAL');
  c.expect(')');
  return { kind: 'window', base, partitionBy, orderBy, frame, partial, span: c.since(start) };
}

function parseFrame(c: TokenCursor, unit: WindowFrame['unit']): WindowFrame {
  let start: FrameBound;
  let end: FrameBound | undefined;
  if (c.accept('BETWEEN')) {
    start = parseBound(c);
    c.expect('AND');
    end = parseBound(c);
  } else start = parseBound(c);
  return { unit, start, end, exclude: c.accept('EXCLUDE') ? parseExclusion(c) : undefined };
}

function parseBound(c: TokenCursor): FrameBound {
  if (c.accept('CURRENT', 'ROW')) return { kind: 'current-row' };
  if (c.is('UNBOUNDED') && (c.is('PRECEDING', 1) || c.is('FOLLOWING', 1))) {
    c.advance();
    return { kind: c.advance().word === 'PRECEDING' ? 'unbounded-preceding' : 'unbounded-following' };
  }
  // Above AND, which parts the two bounds.
  const offset = c.expression(PRECEDENCE.and + 1);
  return { kind: c.expectAny(['PRECEDING', 'FOLLOWING']) === 'PRECEDING' ? 'preceding' : 'following', offset };
}

function parseExclusion(c: TokenCursor): WindowFrame['exclude'] {
  if (c.accept('CURRENT', 'ROW')) return 'CURRENT ROW';
  if (c.accept('NO', 'OTHERS')) return 'NO OTHERS';
  return c.expectAny(['GROUP', 'TIES']);
}
