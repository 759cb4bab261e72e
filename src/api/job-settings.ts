/** The settings of a job while it is being described: what the program says, and what whoever starts it overrides. */

import { applyFlinkOptions, type Configuration } from '../graph/flink-options.ts';
import {
  checkSettings,
  DEFAULT_SETTINGS,
  withSettings,
  type ExecutionSettings,
  type SettingsPart,
} from '../graph/settings.ts';

export class JobSettings {
  readonly #overrides: SettingsPart;
  #configuration: Configuration;

  /** `overrides` win over everything that the program sets. */
  constructor(initial: SettingsPart, overrides: SettingsPart) {
    this.#overrides = overrides;
    this.#configuration = { settings: withSettings(DEFAULT_SETTINGS, initial), jobName: undefined, restart: {} };
    checkSettings(this.current);
  }

  get current(): ExecutionSettings {
    return withSettings(this.#configuration.settings, this.#overrides);
  }

  get jobName(): string | undefined {
    return this.#configuration.jobName;
  }

  /** @throws OPTION_INVALID, and leaves the settings as they were. */
  set(part: SettingsPart): void {
    const settings = checkSettings(withSettings(this.#configuration.settings, part));
    this.#configuration = { ...this.#configuration, settings };
  }

  /** Applies options by Flink's keys. */
  configure(options: Readonly<Record<string, unknown>>): void {
    const configuration = applyFlinkOptions(this.#configuration, options);
    checkSettings(configuration.settings);
    this.#configuration = configuration;
  }
}
