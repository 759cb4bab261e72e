/** What the tests of this package need beside packages of npm: the jars of the broker. */
import { brokerJars } from './broker/install.ts';

await brokerJars();
