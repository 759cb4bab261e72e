/** What a CSV decoder and encoder go by. */

import type { CsvColumns } from './csv-columns.ts';

/** The options, complete and checked. */
export interface CsvSettings {
  readonly header: boolean;
  readonly columns: CsvColumns | undefined;
  readonly delimiter: string;
  readonly quote: string | undefined;
  readonly escape: string | undefined;
  readonly comment: string | undefined;
  readonly nullLiteral: string;
  readonly trim: boolean;
  readonly missingFields: 'fail' | 'null';
  readonly extraFields: 'fail' | 'ignore';
  readonly quotedLineBreaks: boolean;
}
