/**
 * The ladder of ARCHITECTURE.md: which folder of src/ may import which, `import type` included; and that no two
 * files import each other, however long the way round.
 */
import type { Problem } from './problem.ts';
import type { SourceFile } from './source-file.ts';

const DESCRIPTION = ['base', 'data', 'observe', 'time', 'kernel', 'format', 'state', 'connect', 'operator', 'graph'];
const EXECUTION = [...DESCRIPTION, 'exchange', 'checkpoint', 'runtime', 'cluster'];

/**
 * For each folder, the folders it may import beside itself. A folder that is missing here is an error, so that a
 * new one has to find its place.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  observe: ['base'],
  world: ['base', 'observe'],
  data: ['base', 'observe'],
  time: ['base', 'observe', 'data'],
  kernel: ['base', 'observe', 'data'],
  format: ['base', 'observe', 'data', 'time'],
  state: ['base', 'observe', 'data', 'time'],
  connect: ['base', 'observe', 'data', 'time', 'format'],
  operator: ['base', 'observe', 'data', 'time', 'kernel', 'format', 'state', 'connect'],
  graph: ['base', 'observe', 'data', 'time', 'kernel', 'format', 'state', 'connect', 'operator'],
  exchange: DESCRIPTION,
  checkpoint: DESCRIPTION,
  runtime: [...DESCRIPTION, 'exchange', 'checkpoint'],
  cluster: [...DESCRIPTION, 'exchange', 'checkpoint', 'runtime'],
  api: DESCRIPTION,
  'sql/syntax': ['base'],
  // The simulated World is a World, too: it lets real promises settle between its events.
  testing: [...EXECUTION, 'api', 'world'],
};

/** The first file of a thread or a process makes its World, as an entry of the package does. */
const THREAD_ENTRY = /^src\/cluster\/[\w-]+-(?:worker|thread|process)\.ts$/;

/** Files directly in src/ are the package's entries: they wire the two towers together and may import everything. */
export function checkLayers(files: readonly SourceFile[]): Problem[] {
  return files.flatMap((file) => {
    if (file.path.startsWith('connectors/')) return checkConnector(file);
    const from = folderOf(file.path);
    if (from === undefined) return [];
    const allowed = MAY_IMPORT[from];
    if (allowed === undefined) {
      return [
        { path: file.path, line: 1, message: `src/${from} has no place in the ladder of scripts/check/layers.ts` },
      ];
    }
    return file.imports.flatMap(({ target, line }): Problem[] => {
      if (!target.startsWith('src/')) return [];
      const to = folderOf(target);
      if (to === from || (to !== undefined && allowed.includes(to))) return [];
      if (to === 'world' && THREAD_ENTRY.test(file.path)) return [];
      return [
        { path: file.path, line, message: `${from} must not import ${to ?? 'an entry of the package'} (${target})` },
      ];
    });
  });
}

/** A connector is a package like those of users: it sees its own sources and what packages export. */
function checkConnector(file: SourceFile): Problem[] {
  const [own = ''] = /^connectors\/[^/]+\/src\//.exec(file.path) ?? [];
  return file.imports.flatMap(({ target, line }): Problem[] => {
    const inTree = /^(?:src|test|scripts|bench|connectors)\//.test(target) || target.startsWith('..');
    if (!inTree || target.startsWith(own)) return [];
    return [{ path: file.path, line, message: `a connector sees only what packages export (${target})` }];
  });
}

/** `src/time/watermark.ts` lies in `time`; `src/index.ts` in none. A folder within one may have a place of its own. */
function folderOf(path: string): string | undefined {
  const [, folder, ...rest] = path.split('/');
  if (rest.length === 0) return undefined;
  const inner = `${folder}/${rest[0]}`;
  return inner in MAY_IMPORT ? inner : folder;
}

/**
 * Where types name each other: a stream keys itself and a keyed stream gives streams; an expression holds a query and a
 * query expressions. Type imports may go round in circles there; what runs may not.
 */
const MUTUAL_TYPES = ['src/api/', 'src/sql/syntax/'];

function counts(file: SourceFile, { target, typeOnly }: SourceFile['imports'][number]): boolean {
  return !(typeOnly && MUTUAL_TYPES.some((folder) => file.path.startsWith(folder) && target.startsWith(folder)));
}

/** One problem for each group of files that reach each other, naming one way round. */
export function checkCycles(files: readonly SourceFile[]): Problem[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const problems: Problem[] = [];

  /** Depth first; `way` holds the files between the start and here. */
  function follow(file: SourceFile, way: string[]): void {
    way.push(file.path);
    for (const { target, line } of file.imports.filter((one) => counts(file, one))) {
      const next = byPath.get(target);
      if (next === undefined || done.has(target)) continue;
      const at = way.indexOf(target);
      if (at === -1) follow(next, way);
      else
        problems.push({
          path: file.path,
          line,
          message: `closes a cycle of imports: ${[...way.slice(at), target].join(' -> ')}`,
        });
    }
    way.pop();
    done.add(file.path);
  }

  for (const file of files) if (!done.has(file.path)) follow(file, []);
  return problems;
}
