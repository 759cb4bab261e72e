/** `project`: records with some of their fields. */

import type { OperatorDefinition } from './operator.ts';

export function project(fields: readonly string[]): OperatorDefinition {
  return {
    kind: 'project',
    input: 'records',
    output: 'records',
    inline: (code) => {
      const result = code.fresh('projected');
      const parts = fields.map((field) => `${propertyName(field)}: ${code.value}[${JSON.stringify(field)}]`);
      code.line(`const ${result} = { ${parts.join(', ')} };`);
      code.emit(result);
    },
    describe: { fields: fields.join(', ') },
  };
}

/** As it stands in an object literal, where a plain `__proto__` would set the prototype. */
function propertyName(field: string): string {
  const quoted = JSON.stringify(field);
  return field === '__proto__' ? `[${quoted}]` : quoted;
}
