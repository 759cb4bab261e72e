/** Brings what the tests of this package need and no package manager brings: run before them by `npm test`. */

import { provideVersitygw } from './versitygw.ts';

await provideVersitygw();
