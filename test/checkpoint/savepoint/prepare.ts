/** What the tests of savepoints need beside packages of npm: pyarrow, where there is a Python. */
import { pyarrowPython, pythonIsThere } from './pyarrow.ts';

if (pythonIsThere()) pyarrowPython();
