/** All statements. */
import type { Alter, AlterFunction } from './alter.ts';
import type {
  CreateCatalog,
  CreateConnection,
  CreateDatabase,
  CreateFunction,
  CreateMaterializedTable,
  CreateModel,
  CreateTable,
  CreateView,
  Drop,
} from './create.ts';
import type {
  CompilePlan,
  Delete,
  Execute,
  ExecutePlan,
  Explain,
  Insert,
  QueryStatement,
  StatementSet,
  Truncate,
  Update,
} from './data-change.ts';
import type {
  AnalyzeTable,
  CallProcedure,
  Describe,
  DescribeJob,
  JarStatement,
  LoadModule,
  ResetOption,
  SetOption,
  ShellCommand,
  Show,
  ShowCreate,
  ShowPartitions,
  StopJob,
  UnloadModule,
  UseCatalog,
  UseDatabase,
  UseModules,
} from './utility.ts';

/** A statement of Flink SQL as a syntax tree: plain data, with nothing resolved. `kind` tells them apart. */
export type Statement =
  | QueryStatement
  | Insert
  | StatementSet
  | Execute
  | Update
  | Delete
  | Truncate
  | Explain
  | CompilePlan
  | ExecutePlan
  | CreateTable
  | CreateMaterializedTable
  | CreateView
  | CreateCatalog
  | CreateDatabase
  | CreateConnection
  | CreateFunction
  | CreateModel
  | Alter
  | AlterFunction
  | Drop
  | Show
  | ShowCreate
  | ShowPartitions
  | Describe
  | DescribeJob
  | UseCatalog
  | UseDatabase
  | UseModules
  | LoadModule
  | UnloadModule
  | AnalyzeTable
  | CallProcedure
  | JarStatement
  | StopJob
  | SetOption
  | ResetOption
  | ShellCommand;
